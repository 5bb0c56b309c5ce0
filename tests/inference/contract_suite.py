"""What every engine must do. Each check takes a factory and is run for every engine by `test_contract.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mattingd.inference.backend import BadBatch, EngineFault, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from mattingd.inference.backend import Engine, Pictures

    Factory = Callable[[], Engine]


def shapes(spec: ModelSpec) -> list[tuple[int, int]]:
    """Three (height, width) that the model takes; a model of one square shape has that only."""
    m = spec.multiple
    return [(spec.side, spec.side)] * 3 if spec.net.fixed else [(m, m), (2 * m, 3 * m), (3 * m, m)]


def scene(spec: ModelSpec, seed: int, shape: tuple[int, int] | None = None) -> Pictures:
    """A rendered disc on a soft ground, uint8 [1,H,W,3], different for every seed."""
    rng = np.random.default_rng(seed)
    m = spec.multiple
    height, width = shape or ((spec.side, spec.side) if spec.net.fixed else (2 * m, 2 * m))
    y, x = np.mgrid[0:height, 0:width]
    ground = rng.integers(150, 230, 3) - y[..., None] // 8
    radius = min(height, width) * rng.uniform(0.2, 0.35)
    inside = np.hypot(y - height / 2, x - width * rng.uniform(0.4, 0.6)) < radius
    disc = rng.integers(0, 90, 3) + (x[..., None] % 7)
    picture: Pictures = np.where(inside[..., None], disc, ground).astype(np.uint8)[None]
    return picture


def gives_a_matte_per_picture(make: Factory) -> None:
    engine = make()
    for count, shape in zip((1, 1, 3), shapes(engine.spec), strict=True):
        batch = np.concatenate([scene(engine.spec, seed, shape) for seed in range(count)])
        mattes = engine.matte(batch)
        assert mattes.shape == (count, *shape)
        assert mattes.dtype == np.float32
        assert np.isfinite(mattes).all()
        assert mattes.min() >= 0
        assert mattes.max() <= 1


def says_the_same_twice(make: Factory) -> None:
    engine = make()
    batch = scene(engine.spec, 1)
    np.testing.assert_array_equal(engine.matte(batch), engine.matte(batch.copy()))


def leaves_its_input_alone(make: Factory) -> None:
    engine = make()
    batch = scene(engine.spec, 2)
    before = batch.copy()
    engine.matte(batch)
    np.testing.assert_array_equal(batch, before)


def takes_read_only_and_strided_arrays(make: Factory) -> None:
    engine = make()
    batch = scene(engine.spec, 3)
    expected = engine.matte(batch)
    mirrored = np.ascontiguousarray(batch[:, :, ::-1])[:, :, ::-1]
    mirrored.flags.writeable = False
    np.testing.assert_allclose(engine.matte(mirrored), expected, atol=1e-5)


def keeps_pictures_of_a_batch_apart(make: Factory) -> None:
    engine = make()
    shape = shapes(engine.spec)[1]
    pictures = [scene(engine.spec, seed, shape) for seed in range(4)]
    together = engine.matte(np.concatenate(pictures))
    for alone, among in zip(pictures, together, strict=True):
        np.testing.assert_allclose(engine.matte(alone)[0], among, atol=1e-3)


def refuses_an_empty_batch(make: Factory) -> None:
    engine = make()
    m = engine.spec.multiple
    with pytest.raises(BadBatch, match="empty"):
        engine.matte(np.zeros((0, m, m, 3), np.uint8))


def refuses_other_types(make: Factory) -> None:
    engine = make()
    with pytest.raises(BadBatch, match="uint8, not float32"):
        engine.matte(scene(engine.spec, 4).astype(np.float32))
    with pytest.raises(BadBatch, match="uint8, not list"):
        engine.matte([[1, 2, 3]])  # type: ignore[arg-type]


def refuses_other_shapes(make: Factory) -> None:
    engine = make()
    m = engine.spec.multiple
    for shape in ((m, m, 3), (1, m, m), (1, m, m, 4), (1, 3, m, m), (1, 1, m, m, 3)):
        with pytest.raises(BadBatch, match=r"\[N,H,W,3\]"):
            engine.matte(np.zeros(shape, np.uint8))


def refuses_sides_that_are_no_multiples(make: Factory) -> None:
    engine = make()
    m = engine.spec.multiple
    what = f"{m} x {m}, not" if engine.spec.net.fixed else f"multiples of {m}"
    for height, width in ((m + 1, m), (m, m - 1), (m // 2, m), (0, m)):
        with pytest.raises(BadBatch, match=what):
            engine.matte(np.zeros((1, height, width, 3), np.uint8))


def works_on_after_a_refusal(make: Factory) -> None:
    engine = make()
    batch = scene(engine.spec, 5)
    expected = engine.matte(batch)
    with pytest.raises(BadBatch):
        engine.matte(batch[:, :-1])
    np.testing.assert_array_equal(engine.matte(batch), expected)


def states_its_contract(make: Factory) -> None:
    engine = make()
    spec = engine.spec
    assert spec.id
    assert len(spec.sha256) == 64
    assert spec.side >= spec.multiple > 0
    assert all(value > 0 for value in spec.std)
    assert engine.device.name
    assert engine.device.precision in {"fp32", "bf16", "fp16"}


def warms_up_and_measures(make: Factory) -> None:
    engine = make()
    first, second, _ = shapes(engine.spec)
    found = engine.warm_up([first, second], batch_sizes=(1, 2))
    assert found.batch_size in {1, 2}
    assert {timing.shape for timing in found.timings} == {first, second}
    assert {timing.batch for timing in found.timings if timing.shape == first} == {1, 2}
    assert all(timing.seconds > 0 for timing in found.timings)
    without = engine.warm_up([], batch_sizes=(2, 4))
    assert (without.batch_size, without.timings) == (2, ())


def passes_its_self_test(make: Factory) -> None:
    engine = make()
    engine.self_test()


def is_of_no_use_once_closed(make: Factory) -> None:
    engine = make()
    batch = scene(engine.spec, 6)
    engine.matte(batch)
    engine.close()
    with pytest.raises(EngineFault, match="closed"):
        engine.matte(batch)
    engine.close()


CHECKS = (
    gives_a_matte_per_picture,
    says_the_same_twice,
    leaves_its_input_alone,
    takes_read_only_and_strided_arrays,
    keeps_pictures_of_a_batch_apart,
    refuses_an_empty_batch,
    refuses_other_types,
    refuses_other_shapes,
    refuses_sides_that_are_no_multiples,
    works_on_after_a_refusal,
    states_its_contract,
    warms_up_and_measures,
    passes_its_self_test,
    is_of_no_use_once_closed,
)
