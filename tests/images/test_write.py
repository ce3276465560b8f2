"""Images are written completely or not at all, and read back as they were."""

import os
import resource
import signal

import dask.array as da
import numpy as np
import psutil
import pytest
import tifffile

from autodip_ij._support.files import left_behind, temporary
from autodip_ij.errors import BadInput, UnreadableFile, UnwritableOutput
from autodip_ij.images import Channel, Image, PixelSize, SourceMetadata, open_image, write

pytestmark = pytest.mark.usefixtures("no_open_files")

SUFFIXES = [".ome.tif", ".ome.tiff", ".tif", ".ome.zarr", ".zarr", ".ome.zarr.zip", ".ozx"]
CHANNELS = (Channel("DAPI", (0, 0, 255), (10.0, 900.0)), Channel("Phalloidin µ", (255, 128, 0), (0.0, 3000.0)))
SIZE = PixelSize(z=0.5, y=0.25, x=0.25, unit="µm", t=2.0, time_unit="s")


@pytest.fixture
def image(rng):
    data = rng.integers(0, 4000, (2, 2, 3, 33, 21), np.uint16)
    metadata = SourceMetadata("array", tuple(channel.name for channel in CHANNELS))
    return Image.from_array(data, "TCZYX", channels=CHANNELS, pixel_size=SIZE, name="cell 1", metadata=metadata)


def pixels(image):
    return np.asarray(image.data)


def leftovers(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pixels_names_colours_ranges_and_sizes_come_back(tmp_path, image, suffix):
    path = write(image, tmp_path / f"out{suffix}", provenance="denoised")
    assert leftovers(tmp_path) == [f"out{suffix}"]
    back = open_image(path)
    assert (back.shape, back.dtype, back.axes) == (image.shape, np.uint16, "TCZYX")
    np.testing.assert_array_equal(pixels(back), pixels(image))
    assert back.channels == CHANNELS
    assert back.pixel_size == SIZE


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (64, 1), (257, 131)])
def test_tiny_and_odd_sizes_come_back(tmp_path, rng, suffix, shape):
    plane = rng.normal(size=shape).astype(np.float32)
    back = open_image(write(Image.from_array(plane), tmp_path / f"out{suffix}"))
    np.testing.assert_array_equal(back.plane(0, 0, 0), plane)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64", "bool"])
@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_the_type_of_the_source_is_kept(tmp_path, rng, dtype, suffix):
    plane = rng.integers(0, 2, (9, 13)).astype(dtype)
    back = open_image(write(Image.from_array(plane), tmp_path / f"out{suffix}", dtype="same"))
    assert back.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(back.plane(0, 0, 0), plane)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float16"])
def test_types_that_ome_lacks_fit_into_zarr(tmp_path, dtype):
    plane = np.array([[0, 1, 100]], dtype)
    back = open_image(write(Image.from_array(plane), tmp_path / "out.ome.zarr"))
    assert back.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(back.plane(0, 0, 0), plane)


def test_types_that_a_format_lacks_are_refused_with_what_it_has(tmp_path):
    image = Image.from_array(np.zeros((4, 4), np.int64))
    with pytest.raises(BadInput, match="OME-TIFF has no int64; write float32, int32, or OME-Zarr"):
        write(image, tmp_path / "out.ome.tif")
    with pytest.raises(BadInput, match=r"ImageJ has no int64; write uint8, uint16, float32, or \.ome\.tif"):
        write(image, tmp_path / "out.tif")
    assert leftovers(tmp_path) == []


def test_a_cast_rounds_and_clips_and_never_rescales(tmp_path):
    image = Image.from_array(np.array([[-7.0, 1.5, 2.6, 255.4, 999.0]]))
    back = open_image(write(image, tmp_path / "out.ome.tif", dtype=np.uint8))
    assert back.plane(0, 0, 0).tolist() == [[0, 2, 3, 255, 255]]
    assert open_image(write(image, tmp_path / "f.ome.tif", dtype="float32")).dtype == np.float32


def test_nan_and_inf_survive(tmp_path):
    plane = np.array([[np.nan, np.inf, -np.inf, 1.5]], np.float32)
    for suffix in (".ome.tif", ".tif", ".ome.zarr"):
        np.testing.assert_array_equal(
            open_image(write(Image.from_array(plane), tmp_path / f"o{suffix}")).plane(0, 0, 0), plane
        )


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr", ".tif"])
def test_planes_are_computed_one_at_a_time(tmp_path, suffix):
    """24 planes of 8 MB: writing them must not hold more than a few of them."""
    write(Image.from_array(np.zeros((8, 8), np.uint16)), tmp_path / f"warm{suffix}")  # imports
    process = psutil.Process()
    before, peak = process.memory_info().rss, [0]

    def make(block_id):
        peak[0] = max(peak[0], process.memory_info().rss)
        return np.full((1, 1, 1, 2048, 2048), block_id[0], np.uint16)

    chunks = ((1,) * 24, (1,), (1,), (2048,), (2048,))
    data = da.map_blocks(make, chunks=chunks, dtype=np.uint16, meta=np.empty((0,) * 5, np.uint16))
    image = Image(data, (Channel(),), SourceMetadata("array", ("",)))
    write(image, tmp_path / f"out{suffix}", compression="none")
    # All planes are 201 MB; a plane, the buffers of the writer and its halves in double precision are about 60 MB.
    assert peak[0] - before < 110e6


def test_a_large_file_becomes_bigtiff(tmp_path, image, monkeypatch):
    from autodip_ij.images.writing import tiff

    monkeypatch.setattr(tiff, "LARGEST_TIFF", 1000)
    path = write(image, tmp_path / "out.ome.tif")
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff
    np.testing.assert_array_equal(pixels(open_image(path)), pixels(image))
    # ImageJ cannot read BigTIFF; it reads large stacks as one run of pixels after the first directory.
    path = write(image, tmp_path / "out.tif")
    with tifffile.TiffFile(path) as tif:
        assert not tif.is_bigtiff
        assert len(tif.pages) == 1
    np.testing.assert_array_equal(pixels(open_image(path)), pixels(image))


def test_compression_is_a_choice(tmp_path):
    image = Image.from_array(np.zeros((256, 256), np.uint16))
    small = write(image, tmp_path / "a.ome.tif").stat().st_size
    large = write(image, tmp_path / "b.ome.tif", compression="none").stat().st_size
    assert small < 20_000 < 131_072 < large


def test_an_existing_output_is_kept_unless_told(tmp_path, image):
    for suffix in (".ome.tif", ".ome.zarr", ".zarr.zip"):
        path = tmp_path / f"out{suffix}"
        write(Image.from_array(np.zeros((4, 4), np.uint8)), path)
        with pytest.raises(UnwritableOutput, match="already exists"):
            write(image, path)
        assert open_image(path).shape == (1, 1, 1, 4, 4)
        write(image, path, overwrite=True)
        assert open_image(path).shape == image.shape
    assert leftovers(tmp_path) == ["out.ome.tif", "out.ome.zarr", "out.zarr.zip"]


def test_the_source_is_never_the_target(tmp_path, image):
    for suffix in (".ome.tif", ".ome.zarr"):
        source = open_image(write(image, tmp_path / f"source{suffix}"))
        link = tmp_path / f"link{suffix}"
        link.symlink_to(source.source)
        for target in (source.source, tmp_path / "." / source.source.name, link):
            with pytest.raises(UnwritableOutput, match="same file"):
                write(source, target, overwrite=True)
        np.testing.assert_array_equal(pixels(open_image(source.source)), pixels(image))


def test_a_folder_of_something_else_is_never_replaced(tmp_path, image):
    (tmp_path / "results.zarr").mkdir()
    (tmp_path / "results.zarr" / "thesis.docx").write_text("four years of work")
    (tmp_path / "plots.ome.tif").mkdir()
    for name in ("results.zarr", "plots.ome.tif"):
        with pytest.raises(UnwritableOutput, match="is a folder that is not an OME-Zarr image"):
            write(image, tmp_path / name, overwrite=True)
    assert (tmp_path / "results.zarr" / "thesis.docx").exists()


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("out.png", BadInput, "cannot write this kind of file"),
        ("out.ome.tff", BadInput, r"did you mean '\.ome\.tif"),
        ("out", BadInput, "cannot write this kind of file"),
        ("nowhere/out.ome.tif", UnwritableOutput, "does not exist; create it first"),
    ],
)
def test_what_cannot_be_a_target_is_refused(tmp_path, image, name, kind, message):
    with pytest.raises(kind, match=message):
        write(image, tmp_path / name)
    assert leftovers(tmp_path) == []


def test_unknown_choices_are_refused(tmp_path, image):
    with pytest.raises(BadInput, match="compression 'zlip' is not possible; did you mean 'zlib'"):
        write(image, tmp_path / "a.ome.tif", compression="zlip")
    with pytest.raises(BadInput, match=r"'0\.3' cannot be written"):
        write(image, tmp_path / "a.ome.zarr", zarr_version="0.3")
    with pytest.raises(BadInput, match="data type 'flaot32' is not known"):
        write(image, tmp_path / "a.ome.tif", dtype="flaot32")


class Trouble(BaseException):
    """Not an Exception, as KeyboardInterrupt is not."""


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, Trouble, UnreadableFile])
def test_nothing_is_left_when_a_plane_fails(tmp_path, image, suffix, error):
    def fail(block, block_id=None):
        if block_id == (1, 1, 2, 0, 0):
            raise error("in the last plane")
        return block

    broken = image.with_data(image.data.map_blocks(fail, dtype=np.uint16))
    path = tmp_path / f"out{suffix}"
    with pytest.raises(error):
        write(broken, path)
    assert leftovers(tmp_path) == []
    write(image, path)
    with pytest.raises(error):
        write(broken, path, overwrite=True)
    assert leftovers(tmp_path) == [path.name]
    np.testing.assert_array_equal(pixels(open_image(path)), pixels(image))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_is_reported_and_leaves_no_files(tmp_path, rng, suffix):
    """The limit on file size makes the operating system refuse to write on, as a full disk does."""
    image = Image.from_array(rng.integers(0, 60000, (4, 512, 512), np.uint16))
    write(Image.from_array(np.zeros((4, 4), np.uint8)), tmp_path / f"warm{suffix}")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UnwritableOutput, match="no space left") as caught:
            write(image, tmp_path / f"out{suffix}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(caught.value)
    assert leftovers(tmp_path) == [f"warm{suffix}"]


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr", ".tif"])
def test_a_folder_without_permission_is_reported(tmp_path, image, suffix, monkeypatch):
    folder = tmp_path / "locked"
    folder.mkdir()
    write(image, tmp_path / f"warm{suffix}")
    folder.chmod(0o555)
    monkeypatch.chdir(folder)
    became_nobody = os.geteuid() == 0
    if became_nobody:
        os.seteuid(65534)
    try:
        with pytest.raises(UnwritableOutput, match="no permission to write"):
            write(image, f"out{suffix}")
    finally:
        if became_nobody:
            os.seteuid(0)
        folder.chmod(0o755)
    assert leftovers(folder) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("letter", ["n", "ä", "細"])
def test_a_name_that_just_fits_is_written(tmp_path, suffix, letter):
    """The temporary name is no longer than the target's."""
    name = letter * ((255 - len(suffix)) // len(letter.encode()))
    image = Image.from_array(np.arange(12.0, dtype=np.float32).reshape(3, 4))
    for overwrite in (False, True):
        back = open_image(write(image, tmp_path / f"{name}{suffix}", overwrite=overwrite))
    np.testing.assert_array_equal(back.plane(0, 0, 0), image.plane(0, 0, 0))
    assert leftovers(tmp_path) == [f"{name}{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_source_whose_name_is_no_text_can_be_written(tmp_path, suffix):
    image = Image.from_array(np.ones((3, 4), np.float32), name="caf\udce9 \x1b[31m")
    assert open_image(write(image, tmp_path / f"out{suffix}")).shape == (1, 1, 1, 3, 4)


def test_leftovers_of_a_killed_process_are_found_by_the_name_of_the_target(tmp_path):
    targets = [tmp_path / name for name in ("a.tif", "a.tif.json", "[b]*.tif", "n" * 250, "n" * 249 + "m")]
    partial = {target: temporary(target) for target in targets}
    for path in partial.values():
        path.touch()
    for target, path in partial.items():
        assert path in left_behind(target)
        assert [found for found in left_behind(target) if "~" in found.name] == [path] * ("~" in path.name)
