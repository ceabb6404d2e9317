"""Records twenty steps of PyTorch's, Keras' and Hugging Face's optimizers, and their learning-rate schedules.

    KERAS_BACKEND=torch python optimizers.py

torch 2.15.0, keras 3.15.1, transformers 5.23.0, all in float64.
"""
import json
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
import torch
import transformers

rng = np.random.default_rng(0)
start = {"weight": rng.normal(size=(3, 4)), "bias": np.ones(5)}
scales = {"weight": np.ones((3, 4)), "bias": np.array([1, 1e-3, 1e-6, 1e-8, 0])}
gradients = [{name: (rng.normal(size=start[name].shape) * scales[name]).astype("f4").astype("f8") for name in start} for _ in range(20)]
LR = [0.01] * 20
FALLING = [0.01 / (1 + i) for i in range(20)]


def plain(values):
    return {name: np.asarray(value, "f8").ravel().tolist() for name, value in values.items()}


def of_torch(make, lr):
    parameters = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in start.items()}
    optimizer = make(list(parameters.values()))
    after = {}
    for i, gradient in enumerate(gradients):
        for group in optimizer.param_groups:
            group["lr"] = lr[i]
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradient[name])
        optimizer.step()
        if i + 1 in (1, 10, 20):
            after[i + 1] = plain({name: p.detach().numpy() for name, p in parameters.items()})
    return after


def of_keras(optimizer):
    variables = {name: keras.Variable(value, dtype="float64") for name, value in start.items()}
    optimizer.build(list(variables.values()))
    after = {}
    for i, gradient in enumerate(gradients):
        optimizer.apply([torch.tensor(gradient[name]) for name in start], list(variables.values()))
        if i + 1 in (1, 10, 20):
            after[i + 1] = plain({name: v.value.detach().cpu().numpy() for name, v in variables.items()})
    return after


cases = {}


def case(name, after, rule, lr=LR, weight_decay=0.0, decoupled=False, **settings):
    cases[name] = dict(rule=rule, lr=lr, weight_decay=weight_decay, decoupled=decoupled, **settings, after=after)


O = torch.optim
sgd = dict(rule="sgd", momentum=0.0, nesterov=False)
case("torch sgd", of_torch(lambda p: O.SGD(p), LR), **sgd)
case("torch sgd, weight decay", of_torch(lambda p: O.SGD(p, weight_decay=0.1), LR), **sgd, weight_decay=0.1)
case("torch momentum, falling", of_torch(lambda p: O.SGD(p, momentum=0.9), FALLING), rule="sgd", momentum=0.9, nesterov=False, lr=FALLING)
case("torch momentum, weight decay", of_torch(lambda p: O.SGD(p, momentum=0.9, weight_decay=0.1), LR), rule="sgd", momentum=0.9, nesterov=False, weight_decay=0.1)
case("torch nesterov", of_torch(lambda p: O.SGD(p, momentum=0.9, nesterov=True), FALLING), rule="sgd", momentum=0.9, nesterov=True, lr=FALLING)
case("keras momentum", of_keras(keras.optimizers.SGD(0.01, momentum=0.9)), rule="sgd", momentum=0.9, nesterov=False)
case("keras nesterov", of_keras(keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True)), rule="sgd", momentum=0.9, nesterov=True)
adam = dict(rule="adam", beta1=0.9, beta2=0.999)
case("torch adam", of_torch(lambda p: O.Adam(p), FALLING), **adam, eps=1e-8, eps_mode="torch", lr=FALLING)
case("torch adam, weight decay", of_torch(lambda p: O.Adam(p, weight_decay=0.1), LR), **adam, eps=1e-8, eps_mode="torch", weight_decay=0.1)
case("torch adamw", of_torch(lambda p: O.AdamW(p, weight_decay=0.1), FALLING), **adam, eps=1e-8, eps_mode="torch", weight_decay=0.1, decoupled=True, lr=FALLING)
case("keras adam", of_keras(keras.optimizers.Adam(0.01)), **adam, eps=1e-7, eps_mode="keras")
case("keras adamw", of_keras(keras.optimizers.AdamW(0.01, weight_decay=0.1)), **adam, eps=1e-7, eps_mode="keras", weight_decay=0.1, decoupled=True)
case("torch rmsprop", of_torch(lambda p: O.RMSprop(p), FALLING), rule="rmsprop", alpha=0.99, eps=1e-8, eps_mode="torch", momentum=0.0, lr=FALLING)
case("torch rmsprop, momentum", of_torch(lambda p: O.RMSprop(p, momentum=0.9, weight_decay=0.1), LR), rule="rmsprop", alpha=0.99, eps=1e-8, eps_mode="torch", momentum=0.9, weight_decay=0.1)
case("keras rmsprop", of_keras(keras.optimizers.RMSprop(0.01)), rule="rmsprop", alpha=0.9, eps=1e-7, eps_mode="keras", momentum=0.0)
case("keras rmsprop, momentum", of_keras(keras.optimizers.RMSprop(0.01, momentum=0.9)), rule="rmsprop", alpha=0.9, eps=1e-7, eps_mode="keras", momentum=0.9)
A = transformers.Adafactor if hasattr(transformers, "Adafactor") else transformers.optimization.Adafactor
case("hugging face adafactor", of_torch(lambda p: A(p, lr=0.01, relative_step=False, scale_parameter=True), LR), rule="adafactor", scale_parameter=True)
case("hugging face adafactor, weight decay", of_torch(lambda p: A(p, lr=0.01, relative_step=False, scale_parameter=False, weight_decay=0.1), FALLING), rule="adafactor", scale_parameter=False, weight_decay=0.1, lr=FALLING)
case("keras lamb", of_keras(keras.optimizers.Lamb(0.01)), rule="lamb", beta1=0.9, beta2=0.999, eps=1e-7)


def schedule(make):
    optimizer = O.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make(optimizer)
    rates = []
    for _ in range(20):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step() if len(rates) < 20 else None
    return rates


L = O.lr_scheduler
schedules = {
    "step": schedule(lambda o: L.StepLR(o, 4, 0.5)),
    "cosine": schedule(lambda o: L.CosineAnnealingLR(o, 20)),
    "cosine_with_warmup": schedule(lambda o: transformers.get_cosine_schedule_with_warmup(o, 5, 20)),
    "constant_with_warmup": schedule(lambda o: transformers.get_constant_schedule_with_warmup(o, 5)),
    "one_cycle": schedule(lambda o: L.OneCycleLR(o, 0.1, 20, cycle_momentum=False)),
}
json.dump(dict(start=plain(start), gradients=[plain(g) for g in gradients], cases=cases, schedules=schedules),
          open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.json"), "w"), indent=None, separators=(",", ":"))
