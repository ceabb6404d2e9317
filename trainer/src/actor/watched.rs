//! What an actor does for viewers between the choice of its actions and their step.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cartwheel_agents::{Acting, Critic, CriticMemory, CriticScratch, Sight};
use cartwheel_envs::Row;

use super::{Actor, Weights};
use crate::watch::{ChosenBy, EnvFrame, Observation, Seat, Shown, Wanted};

impl Actor {
    /// Gives the actor its place in a run that can be watched.
    pub fn take(&mut self, seat: Seat) {
        self.seat = seat;
    }

    /// The actor's place.
    pub(crate) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Before actions are chosen: the chance of exploring, which a viewer may have decided, and the coins, so that it
    /// can be told later how they fell.
    pub(super) fn look_before_choice(&mut self, scheduled: f64) -> f64 {
        self.coins.clone_from(&self.streams);
        self.seat.epsilon().unwrap_or(scheduled)
    }

    /// Once actions are chosen: shows what is asked for, waits while the run is held, and takes over the actions of
    /// environments that a person steps.
    pub(super) fn look_after_choice(&mut self, weights: &Weights, now: u64, epsilon: f64) {
        self.chosen.copy_rows(0, &self.actions);
        let mut shown = Shown { generation: self.seat.generation(), done: false };
        let mut taken = self.take_over();
        loop {
            self.seat.publish(weights);
            if !shown.done && self.seat.is_asked() {
                self.publish(weights, now, epsilon);
                shown.done = true;
            }
            if self.seat.pass(shown) {
                break;
            }
            let generation = self.seat.generation();
            if generation != shown.generation {
                shown = Shown { generation, done: false };
                taken = self.take_over();
            }
        }
        for e in (0..self.people.len()).filter(|e| self.people[*e]) {
            self.spec.acting.actions.from_env(self.actions.get(e), e, &mut self.own);
        }
        self.seat.overrides().count_steps(taken);
    }

    /// Puts people's actions in the place of the policy's, and counts them.
    fn take_over(&mut self) -> u64 {
        self.actions.copy_rows(0, &self.chosen);
        self.people.fill(false);
        let (first, mut taken) = (self.seat.first_env(), 0);
        self.seat.overrides().each_taken(self.seat.envs(), |env, action| {
            let e = (env - first) as usize;
            self.actions.set(e, action.as_action());
            self.people[e] = true;
            taken += 1;
        });
        taken
    }

    fn publish(&mut self, weights: &Weights, now: u64, epsilon: f64) {
        if epsilon >= 1.0 {
            // Nobody asked the network, as it had no say. What it makes of the states is for viewers alone.
            self.judge(weights);
        }
        let critic = self.seat.critic();
        let (critic, mut memory) = (critic.as_deref(), std::mem::take(&mut self.critic_memory));
        self.seat.fill(|wanted, frame| self.show(wanted, now, epsilon, critic.zip(Some(&mut memory)), frame));
        self.critic_memory = memory;
    }

    fn show(
        &self,
        wanted: Wanted,
        now: u64,
        epsilon: f64,
        critic: Option<(&Critic, &mut CriticMemory)>,
        frame: &mut EnvFrame,
    ) {
        let e = wanted.index;
        let episode = &self.episodes[e];
        frame.env = (self.first_env + e) as u32;
        frame.step = now;
        frame.episode = episode.number;
        frame.episode_step = episode.length as u32;
        frame.return_ = episode.return_;
        (frame.reward, frame.learnt_reward) = (self.step.raw_rewards()[e], self.step.rewards[e]);
        let Acting { features, actions: head, mlp } = &self.spec.acting;
        let outputs = &self.outputs()[e * mlp.output_stride()..];
        head.judge(outputs, &mut frame.judgement);
        frame.value = critic.filter(|_| wanted.inspected).and_then(|(critic, memory)| {
            let (width, len) = (features.width(), mlp.memory_len());
            let sight = Sight {
                features: &self.input[e * width..(e + 1) * width],
                outputs,
                remembered: &mlp.memories(&self.scratch)[e * len..(e + 1) * len],
                episode: [e as u64, episode.number],
                step: episode.length,
            };
            critic.value(head, sight, &frame.judgement, memory, &mut CriticScratch::default())
        });
        match &mut frame.action {
            Some(own) => own.copy_from(self.actions.get(e)),
            own => *own = Some(self.actions.get(e).to_owned()),
        }
        let epsilon = self.spec.exploration.chance(epsilon, self.first_env + e, self.spec.total_envs);
        frame.chosen_by = if self.people[e] {
            ChosenBy::Person
        } else if self.coins[e].clone().random() < epsilon || !head.is_best(outputs, self.own.get(e)) {
            ChosenBy::Exploration
        } else {
            ChosenBy::Greedy
        };
        match &mut frame.observation {
            Some(own) if wanted.inspected => own.copy_from(self.observations.row(e)),
            own => *own = wanted.inspected.then(|| Observation::from(self.observations.row(e))),
        }
        frame.scene.clear();
        // An environment that cannot draw itself trains all the same.
        if catch_unwind(AssertUnwindSafe(|| self.envs.draw(e, &mut frame.scene))).is_err() {
            frame.scene.clear();
        }
    }
}

impl Observation {
    /// Becomes a copy of `row`; numbers go where there were numbers.
    fn copy_from(&mut self, row: Row<'_>) {
        match (self, row) {
            (Self::F32(own), Row::F32(numbers)) if own.len() == numbers.len() => own.copy_from_slice(numbers),
            (Self::U8(own), Row::U8(numbers)) if own.len() == numbers.len() => own.copy_from_slice(numbers),
            (Self::I32(own), Row::I32(numbers)) if own.len() == numbers.len() => own.copy_from_slice(numbers),
            (own, row) => *own = Self::from(row),
        }
    }
}

impl From<Row<'_>> for Observation {
    fn from(row: Row<'_>) -> Self {
        match row {
            Row::F32(numbers) => Self::F32(numbers.to_vec()),
            Row::U8(numbers) => Self::U8(numbers.to_vec()),
            Row::I32(numbers) => Self::I32(numbers.to_vec()),
        }
    }
}
