"""The Gaussian process over configurations and epochs, held to scikit-learn's and to numeric derivatives."""

import math

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from ptune.searching.features import Encoded, Features
from ptune.searching.surrogate import Observed, Surrogate, _Apart, _Covariance, _loss, _priors
from ptune.spec.space import Space
from support.simulated import LAYERS, SPACE

RESOLVED = Space(**SPACE).resolved(LAYERS)


def drawn(count, numeric=2, other=0, seed=0):
    draws = np.random.default_rng(seed)
    places = draws.random((count, numeric))
    categories = draws.integers(0, 3, (count, other))
    values = np.sin(4 * places[:, 0]) + places[:, 1] + 0.05 * draws.normal(size=count)
    return Observed(Encoded(places, categories), draws.choice([0.0, 0.5, 1.0], count), values - values.mean())


def at_the_horizon(observed):
    return Observed(observed.configs, np.ones(len(observed.times)), observed.values)


def test_the_gradient_is_that_of_the_loss():
    observed = drawn(25, numeric=3, other=2)
    apart = _Apart.between(observed, observed)
    priors = _priors(*apart.shape)
    theta = priors[:, 0] + 0.3 * np.random.default_rng(1).normal(size=len(priors))
    _, gradient = _loss(theta, apart, observed.values, priors)
    steps = 1e-5 * np.eye(len(theta))
    numeric = [
        (
            _loss(theta + step, apart, observed.values, priors)[0]
            - _loss(theta - step, apart, observed.values, priors)[0]
        )
        / 2e-5
        for step in steps
    ]
    assert gradient == pytest.approx(np.array(numeric), rel=1e-4, abs=1e-5)


def test_what_it_expects_is_what_scikit_learn_expects_under_the_same_kernel():
    """Of reports at the horizon alone, g is 1, so that the kernel is s times Matérn's, and v a constant."""
    observed = at_the_horizon(drawn(30))
    ours = Surrogate(observed)
    covariance = _Covariance(_Apart.between(observed, observed), ours._theta)
    kernel = ConstantKernel(covariance.scale) * Matern(1 / np.sqrt(covariance.falls), nu=2.5)
    kernel = kernel + ConstantKernel(covariance.shared) + WhiteKernel(covariance.noise)
    values = observed.values - ours._fitted.mean
    theirs = GaussianProcessRegressor(kernel, alpha=1e-8, optimizer=None).fit(observed.configs.places, values)
    asked = drawn(12, seed=7).configs
    mean, spread = ours.expect(asked, 1.0)
    expected, deviation = theirs.predict(asked.places, return_std=True)
    assert mean == pytest.approx(expected + ours._fitted.mean, rel=1e-5, abs=1e-6)
    assert spread**2 + covariance.noise == pytest.approx(deviation**2, rel=1e-4)


def test_first_epochs_say_what_the_horizon_will_bring():
    """Curves rise by the same amount, so that 40 reports of a first epoch and 4 of the horizon tell all."""
    draws = np.random.default_rng(3)
    places = draws.random((40, 1))
    peak = -((places[:, 0] - 0.3) ** 2) * 8
    late = [0, 10, 20, 30]
    observed = Observed(
        Encoded(np.concatenate([places, places[late]]), np.zeros((44, 0), dtype=np.int64)),
        np.concatenate([np.zeros(40), np.ones(4)]),
        np.concatenate([peak, peak[late] + 1.0]),
    )
    grid = Encoded(np.linspace(0, 1, 21)[:, None], np.zeros((21, 0), dtype=np.int64))
    mean, _ = Surrogate(observed).expect(grid, 1.0)
    truth = 1.0 - (grid.places[:, 0] - 0.3) ** 2 * 8
    assert abs(grid.places[int(np.argmax(mean)), 0] - 0.3) <= 0.1
    assert np.corrcoef(mean, truth)[0, 1] > 0.95


def test_what_is_believed_is_certain_and_expected_as_before():
    observed = drawn(20)
    process = Surrogate(observed)
    asked = drawn(3, seed=5).configs
    before, unsure = process.expect(asked, 1.0)
    process.believe(asked, 1.0)
    after, sure = process.expect(asked, 1.0)
    assert after == pytest.approx(before, abs=0.02)
    assert (sure < unsure).all()


def test_configurations_become_places_and_categories():
    features = Features(RESOLVED)
    v1 = {"method": "v1", "length": 2, "encoder": "lstm", "lr": 1e-2, "batch_size": 16}
    v2 = {"method": "v2", "length": 128, "encoder": "mlp", "depth": 12, "dropout": 0.25, "lr": 1.0, "batch_size": 16}
    encoded = features.encode([v1, v2])
    names = [name for name in RESOLVED.searched if name not in ("method", "encoder")]
    rows = [dict(zip(names, row, strict=True)) for row in encoded.places]
    assert rows[0] == pytest.approx({"length": 0.0, "depth": 0.5, "dropout": 0.5, "lr": 0.5})
    assert rows[1] == pytest.approx({"length": 1.0, "depth": 1.0, "dropout": 0.5, "lr": 1.0})
    assert encoded.categories.shape == (2, 2)
    assert (encoded.categories[0] != encoded.categories[1]).all()


def test_values_that_only_users_state_have_a_place():
    features = Features(Space(parameters={"batch_size": {"choices": [8, 16, 32]}, "lr": {"low": 0.01, "high": 0.1}}))
    encoded = features.encode([{"batch_size": 64, "lr": 1.0}, {"batch_size": 16, "lr": 0.01}])
    assert np.isfinite(encoded.places).all()
    assert encoded.places[1].tolist() == [0.5, 0.0]
    assert math.isclose(encoded.places[0][0], 1.0)
