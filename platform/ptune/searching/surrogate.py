"""A Gaussian process over configurations and epochs: what a configuration is expected to reach, and how sure that is.

Every report is an observation, those of trials that were stopped early included, so that what many configurations reach
in their first epochs says what they would reach at the horizon. The covariance of two reports is

    s m(x, x') (r + (1 - r) g(e, e')) + v g(e, e')

where m falls with the distance of the configurations (Matérn 5/2 over places, exp(-w) for each category in which they
differ) and g with the distance of the epochs. v is what all learning curves share, and r is the share of a
configuration's own that stays the same over all epochs. Swersky et al. 2014 (arXiv 1406.3896) and Klein et al. 2017
(arXiv 1605.07079) model curves in like manner. The hyperparameters are the most probable ones under log-normal priors
(Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", section 5.4.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from ptune.searching.features import Encoded

Floats = NDArray[np.float64]
_SPAN = 0.5
"""How far apart two epochs are when they say little of each other; the horizon lies at 1."""
_MOST_STEPS = 30
_BOUND = 3.0
"""Standard deviations of its prior within which a hyperparameter stays."""
_JITTER = 1e-8
_LEAST_VARIANCE = 1e-10


@dataclass(frozen=True)
class Observed:
    """Reports: what some configurations have reached after some epochs."""

    configs: Encoded
    times: Floats
    """Epochs on a logarithmic scale, from 0 (the first) to 1 (the horizon)."""
    values: Floats
    """With a spread of about 1."""


class Surrogate:
    """A process that has been fitted to reports."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        apart = _Apart.between(observed, observed)
        priors = _priors(*apart.shape)
        edges = _BOUND * priors[:, 1]
        fit = minimize(
            lambda theta: _loss(theta, apart, observed.values, priors),
            priors[:, 0],
            jac=True,
            method="L-BFGS-B",
            bounds=np.stack([priors[:, 0] - edges, priors[:, 0] + edges], axis=1),
            options={"maxiter": _MOST_STEPS},
        )
        self._theta = fit.x
        self._fitted = _Fitted.of(_Covariance(apart, self._theta), observed.values)

    def expect(self, configs: Encoded, time: float) -> tuple[Floats, Floats]:
        """Mean and standard deviation of what configurations reach by a time, without the noise of a report.

        Returns:
            Two arrays of shape (configurations,).
        """
        asked = Observed(configs, np.full(len(configs), time), np.zeros(len(configs)))
        covariance = _Covariance(_Apart.between(asked, self._observed), self._theta)
        explained = solve_triangular(self._fitted.factor, covariance.whole.T, lower=True)
        variance = covariance.scale + covariance.shared - (explained**2).sum(axis=0)
        mean = self._fitted.mean + covariance.whole @ self._fitted.weights
        return mean, np.sqrt(np.maximum(variance, _LEAST_VARIANCE))

    def believe(self, configs: Encoded, time: float) -> None:
        """Take for known that configurations reach by a time what is expected of them (Ginsbourger et al. 2010)."""
        mean, _ = self.expect(configs, time)
        known = self._observed
        self._observed = Observed(
            known.configs.and_also(configs),
            np.append(known.times, np.full(len(configs), time)),
            np.append(known.values, mean),
        )
        apart = _Apart.between(self._observed, self._observed)
        self._fitted = _Fitted.of(_Covariance(apart, self._theta), self._observed.values)


@dataclass(frozen=True)
class _Apart:
    """How far reports are from others."""

    squares: list[Floats]
    """By numeric parameter, the squared distance of places."""
    different: list[Floats]
    """By other parameter, 1 where the categories differ."""
    epochs: Floats
    """g: from 1, for the same epoch, towards 0."""

    @classmethod
    def between(cls, some: Observed, others: Observed) -> _Apart:
        places, categories = some.configs.places, some.configs.categories
        other_places, other_categories = others.configs.places, others.configs.categories
        spans = (some.times[:, None] - others.times[None, :]) / _SPAN
        return cls(
            [(places[:, None, column] - other_places[None, :, column]) ** 2 for column in range(places.shape[1])],
            [
                (categories[:, None, column] != other_categories[None, :, column]).astype(np.float64)
                for column in range(categories.shape[1])
            ],
            np.exp(-0.5 * spans**2),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """How many numeric and how many other parameters there are."""
        return len(self.squares), len(self.different)


def _priors(numeric: int, categories: int) -> Floats:
    """Mean and standard deviation of each hyperparameter's logarithm (of r, of its log-odds).

    Places are between 0 and 1 and values have a spread of about 1, so that the same priors serve every search.
    """
    return np.array(
        [
            *[(math.log(2.0), 1.5)] * numeric,  # how fast m falls along an axis: the inverse square of a length
            *[(math.log(0.3), 1.2)] * categories,  # w
            (0.0, 0.7),  # s
            (math.log(2.0), 1.0),  # r
            (math.log(0.3), 1.0),  # v
            (math.log(0.02), 1.2),  # the variance of a report's noise
        ]
    )


class _Covariance:
    """The covariance of reports with others, by the logarithms of the hyperparameters."""

    def __init__(self, apart: _Apart, theta: Floats) -> None:
        numeric, unordered = apart.shape
        self._apart = apart
        self.falls = np.exp(theta[:numeric])
        self.weights = np.exp(theta[numeric : numeric + unordered])
        self.scale, self.shared, self.noise = (math.exp(theta[numeric + unordered + index]) for index in (0, 2, 3))
        self.stays = 1 / (1 + math.exp(-theta[numeric + unordered + 1]))
        shape = apart.epochs.shape
        squares = sum((fall * square for fall, square in zip(self.falls, apart.squares, strict=True)), np.zeros(shape))
        self.distance = np.sqrt(5 * squares)
        self.decay = np.exp(-self.distance) * self.scale
        unlike = zip(self.weights, apart.different, strict=True)
        self.alike = np.exp(-sum((weight * differs for weight, differs in unlike), np.zeros(shape)))
        self.over_epochs = self.stays + (1 - self.stays) * apart.epochs

    @cached_property
    def own(self) -> Floats:
        """What configurations have for themselves."""
        return (1 + self.distance + self.distance**2 / 3) * self.decay * self.alike * self.over_epochs

    @cached_property
    def whole(self) -> Floats:
        """With what all curves share."""
        return self.own + self.shared * self._apart.epochs

    def gradient(self, outer: Floats) -> Floats:
        """The sum over `outer` times the derivative of the whole, noise included, by each of theta.

        Args:
            outer: shape (reports, reports).
        """
        apart = self._apart
        by_square = outer * self.alike * self.over_epochs * (-5 / 6) * (1 + self.distance) * self.decay
        weighted = outer * self.own
        same_epoch = (outer * apart.epochs).sum()
        by_stays = (weighted / self.over_epochs * (1 - apart.epochs)).sum()
        return np.array(
            [
                *[(by_square * square).sum() * fall for square, fall in zip(apart.squares, self.falls, strict=True)],
                *[-(weighted * differs).sum() * w for differs, w in zip(apart.different, self.weights, strict=True)],
                weighted.sum(),
                by_stays * self.stays * (1 - self.stays),
                same_epoch * self.shared,
                np.trace(outer) * self.noise,
            ]
        )


@dataclass(frozen=True)
class _Fitted:
    """A process with given hyperparameters, conditioned on reports."""

    factor: Floats
    """Of the covariance with noise; lower triangular."""
    mean: float
    """That of all reports, found by generalised least squares."""
    residuals: Floats
    weights: Floats
    """The inverse covariance times the residuals."""

    @classmethod
    def of(cls, covariance: _Covariance, values: Floats) -> _Fitted:
        noisy = covariance.whole + (covariance.noise + _JITTER) * np.eye(len(values))
        factor = cholesky(noisy, lower=True)
        solved = cho_solve((factor, True), np.stack([values, np.ones(len(values))], axis=1))
        mean = float(solved[:, 0].sum() / solved[:, 1].sum())
        return cls(factor, mean, values - mean, solved[:, 0] - mean * solved[:, 1])


def _loss(theta: Floats, apart: _Apart, values: Floats, priors: Floats) -> tuple[float, Floats]:
    """Minus the logarithm of the posterior of the hyperparameters, up to a constant, and its gradient."""
    covariance = _Covariance(apart, theta)
    fitted = _Fitted.of(covariance, values)
    inverse = cho_solve((fitted.factor, True), np.eye(len(values)))
    off = (theta - priors[:, 0]) / priors[:, 1]
    loss = 0.5 * fitted.residuals @ fitted.weights + np.log(np.diag(fitted.factor)).sum() + 0.5 * off @ off
    gradient = covariance.gradient(0.5 * (inverse - np.outer(fitted.weights, fitted.weights)))
    return float(loss), gradient + off / priors[:, 1]
