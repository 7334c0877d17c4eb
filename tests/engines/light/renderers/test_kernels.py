"""The C kernels on meshes whose answer is known."""

import numpy as np
import pytest

from sonic.engines.light.renderers.warp.native import lay, raster, scratch_floats, soften, warp
from sonic.engines.light.renderers.warp.source import dense

SQUARE = np.array([[0, 1, 2], [2, 1, 3]], np.int32)


def _quad(corners, source, depth=0.0):
    """Vertices of a quad at ``corners`` (4, 2) that shows what lies at ``source`` (4, 2)."""
    corners, source = np.asarray(corners, np.float32), np.asarray(source, np.float32)
    return np.column_stack([corners, np.full(len(corners), depth), source - corners]).astype(np.float32)


def _picture(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _warped(vertices, triangles, rgb, n_face=0):
    out = rgb.copy()
    folds = np.empty(rgb.shape[:2], np.uint8)
    scratch = np.empty(scratch_floats(rgb.shape[1]), np.float32)
    warp(vertices, triangles, n_face, dense(rgb), out, folds=folds, scratch=scratch)
    return out, folds


def test_the_map_of_an_affine_motion_is_exact_everywhere():
    width, height = 61, 83
    corners = np.array([[-20, -20], [90, -15], [-18, 110], [95, 120]], float)
    matrix, offset = np.array([[0.9, 0.12], [-0.2, 1.1]]), np.array([3.0, -2.0])
    shift, depth = raster(_quad(corners, corners @ matrix.T + offset), SQUARE, (width, height))
    y, x = np.mgrid[:height, :width]
    places = np.stack([x, y], -1)
    assert np.abs(places + shift - (places @ matrix.T + offset)).max() < 1e-3
    assert (depth < 1e29).all()


def test_what_is_nearer_hides_what_is_behind_it_in_any_order():
    corners = [[-1, -1], [40, -1], [-1, 40], [40, 40]]
    near, far = _quad(corners, np.add(corners, 5), depth=-1), _quad(corners, np.add(corners, -5), depth=1)
    both = np.vstack([near, far])
    for triangles in (np.vstack([SQUARE, SQUARE + 4]), np.vstack([SQUARE + 4, SQUARE])):
        shift, _ = raster(both, triangles.astype(np.int32), (40, 40))
        assert np.allclose(shift, 5)


def test_a_map_that_moves_nothing_gives_back_the_picture_bit_for_bit():
    rgb = _picture(57, 40)
    corners = [[-1, -1], [60, -1], [-1, 60], [60, 60]]
    out, folds = _warped(_quad(corners, corners), SQUARE, rgb, n_face=2)
    assert (out == rgb).all()
    assert not folds.any()


@pytest.mark.parametrize("shift", [(3, 0), (0, -4), (7, 5)])
def test_a_whole_pixel_shift_copies_pixels_and_repeats_the_border(shift):
    rgb = _picture(64, 48)
    corners = np.array([[-100, -100], [200, -100], [-100, 200], [200, 200]])
    out, _ = _warped(_quad(corners, corners + shift), SQUARE, rgb)
    y, x = np.mgrid[:48, :64]
    assert (out == rgb[np.clip(y + shift[1], 0, 47), np.clip(x + shift[0], 0, 63)]).all()


def test_sub_pixel_shifts_do_not_drift_in_colour():
    rgb = np.full((32, 32, 3), (10, 128, 255), np.uint8)
    corners = np.array([[-9, -9], [50, -9], [-9, 50], [50, 50]])
    for shift in (0.1, 0.25, 0.37, 0.5, 0.9):
        out, _ = _warped(_quad(corners, corners + shift), SQUARE, rgb)
        assert (out == rgb).all()


@pytest.mark.parametrize("far", [1e4, 1e7, 1e12, 1e30])
def test_vertices_far_outside_do_no_harm(far):
    rgb = _picture(40, 30)
    corners = np.array([[-far, -far], [far, -far], [-far, far], [far, far]])
    out, _ = _warped(_quad(corners, corners), SQUARE, rgb)
    assert out.shape == rgb.shape
    away = _quad(np.array([[far, far], [far * 1.5, far], [far, far * 1.5], [far * 1.5, far * 1.5]]), corners)
    assert (_warped(away, SQUARE, rgb)[0] == rgb).all()


def test_degenerate_triangles_are_skipped():
    rgb = _picture(40, 30)
    line = _quad([[0, 0], [10, 10], [20, 20], [30, 30]], np.zeros((4, 2)))
    assert (_warped(line, SQUARE, rgb)[0] == rgb).all()
    point = _quad(np.full((4, 2), 7.0), np.zeros((4, 2)))
    assert (_warped(point, SQUARE, rgb)[0] == rgb).all()


def test_a_sliver_shows_only_what_its_corners_show():
    sliver = _quad([[0, 0], [30, 30], [15, 15.0001], [40, 0]], [[5, 5], [35, 35], [20, 20], [45, 5]])
    shift, depth = raster(sliver, SQUARE[:1], (40, 40))
    assert np.abs(shift[depth < 1e29] - 5).max(initial=0) < 1e-2


def test_a_fold_is_marked_and_softened():
    rgb = _picture(60, 40)
    corners = [[0, 0], [30, 0], [0, 40], [30, 40], [60, 0], [60, 40]]
    source = [[0, 0], [30, 0], [0, 40], [30, 40], [0, 0], [0, 40]]
    triangles = np.array([[0, 1, 2], [2, 1, 3], [1, 4, 3], [3, 4, 5]], np.int32)
    vertices = _quad(corners, source)
    vertices[4:, 3] -= 60
    out, folds = _warped(vertices, triangles, rgb)
    assert folds[:, 31:].any() and not folds[:, :28].any()
    before = out.copy()
    soften(out, folds)
    assert (out[folds == 0] == before[folds == 0]).all()
    assert (out != before).any()


def test_nan_wrong_shapes_and_indices_are_refused():
    rgb = _picture(20, 20)
    good = _quad([[0, 0], [9, 0], [0, 9], [9, 9]], np.zeros((4, 2)))
    bad = good.copy()
    bad[2, 3] = np.nan
    with pytest.raises(ValueError, match="finite"):
        _warped(bad, SQUARE, rgb)
    with pytest.raises(ValueError, match="outside"):
        _warped(good, SQUARE + 1, rgb)
    with pytest.raises(ValueError, match="float32"):
        raster(good.astype(np.float64), SQUARE, (9, 9))
    with pytest.raises(ValueError, match="fit"):
        lay(
            rgb,
            np.zeros((20, 20, 3), np.float32),
            alpha=np.zeros((9, 9), np.float32),
            shade=np.zeros((9, 9), np.float32),
        )


def test_loading_the_kernels_leaves_small_numbers_alone():
    scratch_floats(8)
    assert np.float32(1e-38) / np.float32(16) > 0  # libraries fail where denormal numbers are flushed to zero


def test_a_mouth_laid_with_full_opacity_replaces_and_with_none_keeps():
    rgb = _picture(16, 16)
    alpha, shade = np.zeros((16, 16), np.float32), np.zeros((16, 16), np.float32)
    alpha[:, 8:] = 1
    out = rgb.copy()
    lay(out, np.ones((16, 16, 3), np.float32), alpha=alpha, shade=shade)
    assert (out[:, 8:] == 255).all()
    assert (out[:, :8] == rgb[:, :8]).all()
