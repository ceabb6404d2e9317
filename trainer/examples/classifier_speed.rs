//! Seconds of steps of classifiers, as JSON: what bench/peers/classifiers.py pairs with PyTorch's.
//!
//! `classifier_speed CASE BLOCKS STEPS THREADS`: of each of BLOCKS the mean over STEPS, of time on the wall and of CPU time.
//! Cases: mlp-train-N, resnet50-train-N, resnet50-infer-N, with N samples.

use std::time::Instant;

use cartwheel_agents::models::mlp::{Init, MlpClassifier};
use cartwheel_agents::models::resnet::{ResNet, ResNetConfig};
use cartwheel_agents::models::{Classifier, Ranks};
use cartwheel_agents::nn::ops::Targets;
use cartwheel_agents::nn::optim::{Decay, Rule, Solver};
use cartwheel_agents::nn::{Gradients, prepare_thread, set_threads};
use cartwheel_envs::Generator;
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, blocks, steps, threads] = arguments.as_slice() else { return Err("CASE BLOCKS STEPS THREADS".into()) };
    let (blocks, steps): (usize, usize) = (blocks.parse()?, steps.parse()?);
    let parts: Vec<&str> = case.split('-').collect();
    let [model, kind, samples] = parts.as_slice() else { return Err("a case such as mlp-train-64".into()) };
    let samples: usize = samples.parse()?;
    prepare_thread();
    set_threads(threads.parse()?);
    let mut rng = Generator::new(1);
    let mut model: Box<dyn Classifier> = match *model {
        "mlp" => Box::new(MlpClassifier::new(784, &[512, 256], 10, &Ranks::new(), Init::Torch, &mut rng)),
        name => {
            let config = ResNetConfig::named(name, 3, 1000).ok_or("no such model")?;
            Box::new(ResNet::new(config, [224, 224], &mut rng))
        }
    };
    let x: Vec<f32> = (0..samples * model.inputs()).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
    let classes: Vec<u32> = (0..samples).map(|at| (at % model.classes()) as u32).collect();
    let mut gradients = Gradients::new(model.parameters());
    let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
    let mut solver = Solver::new(rule, Decay::L2, 1e-4, true, model.parameters());
    let mut step = || -> Result<(), Box<dyn std::error::Error>> {
        if *kind == "infer" {
            model.logits(x.clone())?;
            return Ok(());
        }
        gradients.zero(model.parameters())?;
        model.forward(x.clone())?.learn(&mut gradients, Targets::Classes(&classes), 0.0, samples as f64)?;
        solver.step(model.parameters_mut(), &mut gradients, 1e-3)?;
        Ok(())
    };
    // Memory comes in the first steps.
    for _ in 0..3 {
        step()?;
    }
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..blocks {
        let (begun, used) = (Instant::now(), process_cpu_time());
        for _ in 0..steps {
            step()?;
        }
        wall.push(begun.elapsed().as_secs_f64() / steps as f64);
        cpu.push((process_cpu_time() - used) / steps as f64);
    }
    println!("{}", serde_json::json!({"case": case, "wall": wall, "cpu": cpu}));
    Ok(())
}

/// CPU seconds of all threads.
fn process_cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
