/* cartwheel.h: an environment of Cartwheel as a shared library.
 *
 * Fill in a struct and four functions, compile, and train:
 *
 *     cc -O3 -shared -fPIC -o libsquared.so squared.c
 *     cartwheel env check c:./libsquared.so
 *     cartwheel train c:./libsquared.so --algo ppo
 *
 * The library exports one thing, a table named `cartwheel_env`:
 *
 *     #include "cartwheel.h"
 *
 *     typedef struct { float position; } Walk;
 *
 *     static const char *init(void *env, const double *args, cw_setup *setup) {
 *         setup->observation_space = (cw_space){.kind = CW_BOX, .rank = 1, .shape = {1}, .low = -5, .high = 5};
 *         setup->action_space = (cw_space){.kind = CW_DISCRETE, .n = 2};
 *         return NULL;
 *     }
 *
 *     static const char *reset(void *env, uint64_t seed, void *observation) {
 *         Walk *walk = env;
 *         walk->position = 0;
 *         *(float *)observation = walk->position;
 *         return NULL;
 *     }
 *
 *     static const char *step(void *env, const void *action, void *observation, cw_step *step) {
 *         Walk *walk = env;
 *         float direction = *(const int32_t *)action == 1 ? 1 : -1;
 *         walk->position += direction;
 *         *(float *)observation = walk->position;
 *         step->reward = direction;
 *         step->terminated = walk->position == 5 || walk->position == -5;
 *         return NULL;
 *     }
 *
 *     CW_EXPORT const cw_env cartwheel_env = {
 *         .abi_version = CW_ABI_VERSION,
 *         .env_size = sizeof(Walk),
 *         .state_size = sizeof(Walk),
 *         .init = init,
 *         .reset = reset,
 *         .step = step,
 *     };
 *
 * What is left out of the table is zero, which means: none.
 *
 * Errors. Functions that answer a `const char *` answer NULL, or what went wrong: "size is 2; it must be 3 or more". The
 * text must stay where it is until the next call of the same environment. A run ends with it, and with a checkpoint. What
 * crashes, exits or throws through these functions takes the whole process with it.
 *
 * Memory. All of it is Cartwheel's: of each environment (`env_size` bytes of zeros, aligned to 64), and of all that is
 * written to. Keep no pointer to an action, an observation or a picture beyond the call. What `init` allocates, `close` frees.
 *
 * Threads. Many environments of a library run at once, in several threads. Two calls of one environment never do. So
 * nothing outside of the struct may change: no static variables, no rand().
 *
 * Random numbers. An episode must follow from the seed given to `reset` and the actions: keep a generator in the struct,
 * begin it with that seed, and draw from it alone (`cw_next`, `cw_random` and `cw_below` below).
 */
#ifndef CARTWHEEL_H
#define CARTWHEEL_H

#include <stddef.h>
#include <stdint.h>

/* Changes with the layout of what follows: a library of another version is refused by name. */
#define CW_ABI_VERSION 1

#if defined(_WIN32)
#define CW_EXPORT __declspec(dllexport)
#else
#define CW_EXPORT __attribute__((visibility("default")))
#endif

/* What a space is, as of Gymnasium, and what one of its elements is in memory. */
enum {
    CW_BOX = 1,        /* an array of numbers within bounds: float[] or uint8_t[], row-major */
    CW_DISCRETE,       /* one of n integers: int32_t, from 0 */
    CW_MULTI_DISCRETE, /* n integers, the i-th one of nvec[i]: int32_t[] */
    CW_MULTI_BINARY    /* n zeros and ones: int32_t[] */
};

/* The numbers of a Box. */
enum {
    CW_FLOAT32, /* float */
    CW_UINT8    /* uint8_t: pictures, and cells of grids. Learners divide them by `high`. */
};

#define CW_MAX_RANK 4

/* What observations or actions look like. */
typedef struct cw_space {
    int32_t kind; /* CW_BOX and so on */

    /* Of a Box. */
    int32_t dtype;                                /* CW_FLOAT32 or CW_UINT8; actions are CW_FLOAT32 */
    int32_t rank;                                 /* how many axes, 1 to CW_MAX_RANK */
    int32_t shape[CW_MAX_RANK];                   /* their lengths: (height, width, channels) of a picture */
    float low, high;                              /* the bounds of all numbers; -INFINITY and INFINITY for none */
    const float *lows, *highs;                    /* or of each number; NULL if all have the same. Read after `init`. */

    /* Of the others. */
    int32_t n;           /* how many */
    const int32_t *nvec; /* of a MultiDiscrete: the choices of each. Read after `init`. */
} cw_space;

/* What `init` says of the environment. */
typedef struct cw_setup {
    cw_space observation_space;
    cw_space action_space;
    int32_t picture_width, picture_height; /* pixels that `render` draws */
} cw_setup;

/* What a step led to: all 0 when `step` is called. */
typedef struct cw_step {
    double reward;
    uint8_t terminated; /* 1: the task itself ended, and nothing follows */
    uint8_t truncated;  /* 1: the episode is cut off, and would have gone on */
} cw_step;

/* A keyword argument: `--env-arg size=9`. Numbers only; true and false arrive as 1 and 0. */
typedef struct cw_arg {
    const char *name;
    double value;     /* where it is not given */
    const char *help; /* what it does, in a line */
} cw_arg;

/* A key with which a person plays an environment of Discrete actions. */
typedef struct cw_key {
    const char *key; /* "left", "right", "up", "down", "space", or a lower-case letter or digit: "a" */
    int32_t action;
    const char *meaning; /* in a word or two */
} cw_key;

typedef struct cw_env {
    uint32_t abi_version;       /* CW_ABI_VERSION */
    uint32_t max_episode_steps; /* episodes are truncated with this step; 0: never */
    double reward_threshold;    /* the mean return from which the task counts as solved; 0: none is agreed on */
    const char *description;    /* what it is, in a line */
    const cw_arg *args;         /* ends with {0}, as `keys` do */

    const char *const *observation_names; /* of each number; ends with NULL, as the other names do */
    const char *const *action_names;      /* of each action */
    const char *const *info_names;        /* of what `info` tells; "is_success" is 1 or 0 */

    const cw_key *keys;
    int32_t fps;         /* steps a second while a person plays it; 0: one with each key */
    int32_t idle_action; /* with fps: what is done while no key is pressed */

    /* The size of your struct, and how many bytes of it, from the first on, are the state of the episode: all that changes
     * after `init`. They are copied to checkpoints and back, also in another process and into another environment with the
     * same arguments: so no pointers, but for those that each call sets before it reads them. With 0 an episode is
     * brought back by playing it again from its seed. */
    size_t env_size;
    size_t state_size;

    /* Makes an environment of zeros one with these arguments, in the order of `args`. */
    const char *(*init)(void *env, const double *args, cw_setup *setup);

    /* Begins an episode, also in the midst of another one, and writes its first observation. */
    const char *(*reset)(void *env, uint64_t seed, void *observation);

    /* Takes a step and writes the observation after it, also if that ends the episode: `reset` follows by itself. Actions
     * are within their space, but for floats, which may be out of bounds. */
    const char *(*step)(void *env, const void *action, void *observation, cw_step *step);

    /* All that follows may be left out. */

    /* Frees what `init` allocated; called once, if `init` succeeded. */
    void (*close)(void *env);

    /* Draws the present state: picture_height rows of picture_width pixels of 3 bytes, red, green, blue. */
    void (*render)(const void *env, uint8_t *rgb);

    /* Writes a value for each of `info_names` about the present state. Called only when somebody asks. */
    void (*info)(const void *env, double *values);

    /* Writes 1 or 0 for each of n Discrete actions: whether it is valid in the present state. */
    void (*action_mask)(const void *env, uint8_t *valid);
} cw_env;

#ifdef __cplusplus
extern "C" {
#endif

/* Yours to define. */
extern CW_EXPORT const cw_env cartwheel_env;

#ifdef __cplusplus
}
#endif

/* 64 random bits, by SplitMix64 (https://prng.di.unimi.it/splitmix64.c). The state is one number: the seed, at first. */
static inline uint64_t cw_next(uint64_t *rng) {
    uint64_t z = (*rng += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* A number from 0 (included) to 1 (excluded). */
static inline double cw_random(uint64_t *rng) {
    return (double)(cw_next(rng) >> 11) / 9007199254740992.0;
}

/* An integer from 0 to n - 1. */
static inline uint32_t cw_below(uint64_t *rng, uint32_t n) {
    return (uint32_t)(((cw_next(rng) >> 32) * n) >> 32);
}

#endif
