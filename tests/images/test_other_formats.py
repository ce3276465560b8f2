"""CZI, MRC, PNG, JPEG, and formats of further bioio readers, written here by other libraries."""

import imagecodecs
import mrcfile
import numpy as np
import pytest
from PIL import Image as PillowImage
from pylibCZIrw import czi

from autodip_ij.errors import BadInput, UnreadableFile
from autodip_ij.images.reading.open import open_image, read_scenes

pytestmark = pytest.mark.usefixtures("no_open_files")


def write_czi(path, planes, scale=None, names=None):
    """Write planes {(t, c, z): (y, x, pixels)} as a CZI."""
    with czi.create_czi(str(path)) as file:
        for (t, c, z), (y, x, pixels, scene) in planes.items():
            file.write(
                data=pixels[..., None] if pixels.ndim == 2 else pixels,
                plane={"T": t, "C": c, "Z": z},
                scene=scene,
                location=(x, y),
            )
        file.write_metadata(
            document_name="made", channel_names=names or {}, scale_x=scale, scale_y=scale, scale_z=scale
        )


def test_czi_planes_channels_and_sizes(tmp_path, rng):
    stack = rng.integers(0, 60000, (2, 2, 3, 12, 15), np.uint16)
    planes = {(t, c, z): (0, 0, stack[t, c, z], 0) for t, c, z in np.ndindex(2, 2, 3)}
    write_czi(tmp_path / "a.czi", planes, scale=2e-7, names={0: "DAPI", 1: "mCherry"})
    image = open_image(tmp_path / "a.czi")
    assert (image.shape, image.axes, image.metadata.format) == ((2, 2, 3, 12, 15), "TCZYX", "czi")
    np.testing.assert_array_equal(np.asarray(image.data), stack)
    assert [channel.name for channel in image.channels] == ["DAPI", "mCherry"]
    assert (image.pixel_size.z, image.pixel_size.y, image.pixel_size.x, image.pixel_size.unit) == (0.2, 0.2, 0.2, "µm")
    assert "<ImageDocument>" in image.metadata.native["xml"]


def test_czi_whose_planes_are_fewer_than_its_metadata_states_is_warned_of(tmp_path, rng, caplog):
    pixels = rng.integers(0, 60000, (3, 12, 15), np.uint16)
    write_czi(tmp_path / "a.czi", {(0, 0, z): (0, 0, pixels[z], 0) for z in range(3)})
    whole = (tmp_path / "a.czi").read_bytes()
    open_image(tmp_path / "a.czi")
    assert caplog.messages == []
    assert whole.count(b"<SizeZ>3<") == 1
    (tmp_path / "a.czi").write_bytes(whole.replace(b"<SizeZ>3<", b"<SizeZ>5<"))
    open_image(tmp_path / "a.czi")
    assert "Z 3 instead of 5" in caplog.text


@pytest.mark.shared
def test_nd2_frames_that_its_map_has_lost_are_said(shared, tmp_path, caplog):
    whole = (shared / "microscope_files/example-timelapse.nd2").read_bytes()
    entry = whole.rindex(b"ImageDataSeq|7!")  # in the map at the end, before the place of the frame
    place = entry + len(b"ImageDataSeq|7!")
    (tmp_path / "nameless.nd2").write_bytes(whole[:entry] + b"X" + whole[entry + 1 :])
    (tmp_path / "moved.nd2").write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
    nameless, moved = open_image(tmp_path / "nameless.nd2"), open_image(tmp_path / "moved.nd2")
    np.testing.assert_array_equal(nameless.plane(6, 0, 0), moved.plane(6, 0, 0))
    assert caplog.messages == []
    nameless.plane(7, 0, 0)
    assert "frame 7 is not in its map" in caplog.text
    with pytest.raises(UnreadableFile, match="frame 7 is not where"):
        moved.plane(7, 0, 0)


def test_czi_scenes_and_tiles(tmp_path, rng):
    """Two scenes, the second a mosaic of two tiles that meet without overlap."""
    single, left, right = (rng.integers(0, 255, (10, 8), np.uint8) for _ in range(3))
    with czi.create_czi(str(tmp_path / "m.czi")) as file:
        file.write(data=single[..., None], plane={"C": 0}, scene=0, location=(0, 0))
        file.write(data=left[..., None], plane={"C": 0}, scene=1, location=(100, 0))
        file.write(data=right[..., None], plane={"C": 0}, scene=1, location=(108, 0))
        file.write_metadata(document_name="m")
    first, second = read_scenes(tmp_path / "m.czi")
    np.testing.assert_array_equal(first.plane(0, 0, 0), single)
    np.testing.assert_array_equal(second.plane(0, 0, 0), np.hstack([left, right]))


def test_czi_colour_pixels_become_red_green_blue(tmp_path, rng):
    bgr = rng.integers(0, 255, (9, 7, 3), np.uint8)
    with czi.create_czi(str(tmp_path / "rgb.czi")) as file:
        file.write(data=bgr, plane={"C": 0})
        file.write_metadata(document_name="rgb")
    image = open_image(tmp_path / "rgb.czi")
    assert (image.rgb, image.shape[1]) == (True, 3)
    assert [channel.color for channel in image.channels] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    np.testing.assert_array_equal(np.asarray(image.data)[0, :, 0], np.moveaxis(bgr[..., ::-1], -1, 0))


def test_mrc_sections_are_slices_in_angstrom(tmp_path, rng):
    volume = rng.normal(size=(4, 9, 11)).astype(np.float32)
    with mrcfile.new(tmp_path / "v.mrc") as file:
        file.set_data(volume)
        file.voxel_size = 2.5
    image = open_image(tmp_path / "v.mrc")
    assert (image.shape, image.axes, image.metadata.format) == ((1, 1, 4, 9, 11), "ZYX", "mrc")
    np.testing.assert_array_equal(np.asarray(image.data)[0, 0], volume)
    assert (image.pixel_size.x, image.pixel_size.z, image.pixel_size.unit) == (2.5, 2.5, "Å")


@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 6, 5)])
def test_mrc_pictures_and_stacks_of_volumes(tmp_path, rng, shape):
    data = rng.integers(-100, 100, shape, np.int16)
    with mrcfile.new(tmp_path / "v.mrc") as file:
        file.set_data(data)
        if data.ndim == 4:
            file.set_volume_stack() if not file.is_volume_stack() else None
    scenes = read_scenes(tmp_path / "v.mrc")
    assert len(scenes) == (2 if data.ndim == 4 else 1)
    np.testing.assert_array_equal(np.asarray(scenes[-1].data).squeeze(), data if data.ndim == 2 else data[1])


def test_mrc_of_before_the_mark_is_read(tmp_path):
    pixels = np.arange(12, dtype="<i2").reshape(3, 4)
    header = np.zeros(256, "<i4")
    header[:4] = 4, 3, 1, 1  # nx, ny, nz, 16-bit signed
    (tmp_path / "old.mrc").write_bytes(header.tobytes() + pixels.tobytes())
    image = open_image(tmp_path / "old.mrc")
    np.testing.assert_array_equal(image.plane(0, 0, 0), pixels)
    assert image.pixel_size.x is None


def test_complex_mrc_is_refused(tmp_path):
    with mrcfile.new(tmp_path / "f.mrc") as file:
        file.set_data(np.zeros((3, 4), np.complex64))
    with pytest.raises(BadInput, match="complex64 are not grey values"):
        open_image(tmp_path / "f.mrc")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_png_of_8_and_16_bits(tmp_path, rng, dtype, samples):
    """Transparency (the second of two, the fourth of four samples) is left out."""
    pixels = rng.integers(0, np.iinfo(dtype).max, (7, 5, samples), dtype).squeeze()
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels))
    image = open_image(tmp_path / "a.png")
    colours = {1: 1, 2: 1, 3: 3, 4: 3}[samples]
    assert (image.shape, image.dtype, image.rgb) == ((1, colours, 1, 7, 5), dtype, colours == 3)
    expected = pixels[..., None][..., :1] if samples == 1 else pixels[..., :colours]
    np.testing.assert_array_equal(np.moveaxis(np.asarray(image.data)[0, :, 0], 0, -1), expected)


@pytest.mark.parametrize("mode", ["P", "1", "L", "RGB"])
def test_png_kinds_of_pillow(tmp_path, rng, mode):
    picture = PillowImage.fromarray(rng.integers(0, 255, (8, 6, 3), np.uint8)).convert(mode)
    picture.save(tmp_path / "a.png")
    image = open_image(tmp_path / "a.png")
    expected = np.asarray(picture.convert("RGB" if mode in ("P", "RGB") else "L"))
    found = np.moveaxis(np.asarray(image.data)[0, :, 0], 0, -1)
    np.testing.assert_array_equal(found, expected if expected.ndim == 3 else expected[..., None])


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg(tmp_path, mode):
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    picture = PillowImage.fromarray(np.tile(ramp, (16, 1))).convert(mode)
    picture.save(tmp_path / "a.jpg", quality=95)
    image = open_image(tmp_path / "a.jpg")
    assert image.shape == (1, 3 if mode == "RGB" else 1, 1, 16, 64)
    # JPEG at quality 95 is off by a few grey values.
    np.testing.assert_allclose(image.plane(0, 0, 0).astype(int), np.tile(ramp, (16, 1)), atol=6)


def test_other_formats_go_through_an_installed_bioio_reader(tmp_path, rng):
    """bioio-imageio reads bitmaps, which this package does not know."""
    pytest.importorskip("bioio_imageio")
    rgb = rng.integers(0, 255, (8, 6, 3), np.uint8)
    PillowImage.fromarray(rgb).save(tmp_path / "a.bmp")
    image = open_image(tmp_path / "a.bmp")
    assert (image.metadata.format, image.rgb, image.shape) == ("other", True, (1, 3, 1, 8, 6))
    np.testing.assert_array_equal(np.moveaxis(np.asarray(image.data)[0, :, 0], 0, -1), rgb)


@pytest.mark.parametrize("suffix", [".jp2", ".j2k"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("samples", [1, 3])
def test_jpeg_2000(tmp_path, rng, suffix, dtype, samples):
    shape = (32, 40) if samples == 1 else (32, 40, 3)
    pixels = rng.integers(0, 200, shape).astype(dtype)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat=suffix[1:], reversible=True))
    image = open_image(path)
    assert (image.shape, image.dtype, image.rgb) == ((1, samples, 1, 32, 40), np.dtype(dtype), samples == 3)
    np.testing.assert_array_equal(np.moveaxis(np.asarray(image.data)[0, :, 0], 0, -1).reshape(shape), pixels)
