/* A square looks for another one on a grid: PufferLib's first example, as a shared library. PPO solves it in 4 seconds.
 *
 *     cc -O3 -shared -fPIC -I envs/c -o libsquared.so examples/squared/squared.c
 *     cartwheel train c:./libsquared.so --algo ppo --n-envs 8
 *
 * An episode begins in the middle; the target is any other cell. Reaching it pays 1 and ends the episode; leaving the grid
 * pays -1 and does, too. The observation is a picture with two channels, each a 1 among 0s: where the square is, and where the
 * target is.
 */
#include <stdlib.h>
#include <string.h>

#include "cartwheel.h"

enum { STAY, UP, DOWN, LEFT, RIGHT, ACTIONS };
enum { SQUARE, TARGET, CHANNELS };

/* Pixels of a cell's side. */
enum { CELL = 32 };

typedef struct {
    /* The state of the episode: all that changes. */
    uint64_t rng;
    int32_t row, column;
    int32_t target_row, target_column;
    int32_t found;
    /* The arguments. */
    int32_t size;
} Squared;

static const char *init(void *env, const double *args, cw_setup *setup) {
    Squared *squared = env;
    if (!(args[0] >= 3 && args[0] <= 101)) {
        return "size must be from 3 to 101";
    }
    squared->size = (int32_t)args[0];
    setup->observation_space = (cw_space){
        .kind = CW_BOX,
        .dtype = CW_UINT8,
        .rank = 3,
        .shape = {squared->size, squared->size, CHANNELS},
        .low = 0,
        .high = 1,
    };
    setup->action_space = (cw_space){.kind = CW_DISCRETE, .n = ACTIONS};
    setup->picture_width = setup->picture_height = squared->size * CELL;
    return NULL;
}

static int is_inside(const Squared *squared) {
    int32_t size = squared->size;
    return squared->row >= 0 && squared->row < size && squared->column >= 0 && squared->column < size;
}

static void observe(const Squared *squared, uint8_t *cells) {
    int32_t size = squared->size;
    memset(cells, 0, (size_t)(CHANNELS * size * size));
    cells[CHANNELS * (squared->target_row * size + squared->target_column) + TARGET] = 1;
    if (is_inside(squared)) {
        cells[CHANNELS * (squared->row * size + squared->column) + SQUARE] = 1;
    }
}

static const char *reset(void *env, uint64_t seed, void *observation) {
    Squared *squared = env;
    int32_t size = squared->size, cells = size * size, middle = size / 2;
    squared->rng = seed;
    squared->row = squared->column = middle;
    squared->found = 0;
    int32_t target = (int32_t)cw_below(&squared->rng, (uint32_t)cells - 1);
    /* Any but the middle. */
    target += target >= middle * size + middle;
    squared->target_row = target / size;
    squared->target_column = target % size;
    observe(squared, observation);
    return NULL;
}

static const char *step(void *env, const void *action, void *observation, cw_step *step) {
    Squared *squared = env;
    switch (*(const int32_t *)action) {
    case UP: squared->row -= 1; break;
    case DOWN: squared->row += 1; break;
    case LEFT: squared->column -= 1; break;
    case RIGHT: squared->column += 1; break;
    }
    squared->found = squared->row == squared->target_row && squared->column == squared->target_column;
    step->terminated = squared->found || !is_inside(squared);
    step->reward = squared->found ? 1 : is_inside(squared) ? 0 : -1;
    observe(squared, observation);
    return NULL;
}

static void render(const void *env, uint8_t *rgb) {
    static const uint8_t ground[] = {6, 24, 24}, square[] = {0, 187, 187}, target[] = {187, 0, 0};
    const Squared *squared = env;
    int32_t side = squared->size * CELL;
    for (int32_t y = 0; y < side; y++) {
        for (int32_t x = 0; x < side; x++) {
            int32_t row = y / CELL, column = x / CELL;
            const uint8_t *color = ground;
            if (row == squared->target_row && column == squared->target_column) color = target;
            if (row == squared->row && column == squared->column) color = square;
            memcpy(rgb + 3 * (y * side + x), color, 3);
        }
    }
}

static void info(const void *env, double *values) {
    const Squared *squared = env;
    values[0] = squared->found;
    values[1] = abs(squared->target_row - squared->row) + abs(squared->target_column - squared->column);
}

static const cw_arg args[] = {{"size", 5, "cells along each side, 3 to 101"}, {0}};
static const cw_key keys[] = {
    {"up", UP, "up"}, {"down", DOWN, "down"}, {"left", LEFT, "left"}, {"right", RIGHT, "right"}, {0},
};
static const char *const action_names[] = {"stay", "up", "down", "left", "right", NULL};
static const char *const info_names[] = {"is_success", "distance", NULL};

CW_EXPORT const cw_env cartwheel_env = {
    .abi_version = CW_ABI_VERSION,
    .max_episode_steps = 50,
    .reward_threshold = 0.95,
    .description = "Find the red square on a grid",
    .args = args,
    .action_names = action_names,
    .info_names = info_names,
    .keys = keys,
    .env_size = sizeof(Squared),
    .state_size = offsetof(Squared, size),
    .init = init,
    .reset = reset,
    .step = step,
    .render = render,
    .info = info,
};
