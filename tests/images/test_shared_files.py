"""The real microscope files: what is read of them, against what other readers and the index of the folder say."""

import csv

import numpy as np
import pytest

from autodip_ij.errors import UnreadableFile
from autodip_ij.images.reading.open import open_image, open_metadata, read_scenes

pytestmark = [pytest.mark.shared, pytest.mark.usefixtures("no_open_files")]

# file: (T, C, Z, Y, X) of each scene. From the column `shape` of index.csv, which was made with other readers; colour
# samples and the bands of spectral scans are counted as channels (20, 15 and 10 bands stand in the LIF file's own XML).
SHAPES = {
    "Airyscan.czi": [(3, 2, 1, 480, 480)],
    "Al2O3_SE_020_sp.czi": [(1, 1, 1, 1536, 2048)],
    "CellDivision_T3_Z5_CH2_X240_Y170.czi": [(3, 2, 5, 170, 240)],
    "DAPI_GFP.czi": [(1, 2, 1, 640, 640)],
    "FOV7_HV110_P0500510000.ome.tiff": [(1, 1, 1, 512, 512)],
    "LeicaLASX_wavelength-sweep_example.lif": [(1, 20, 1, 64, 64), (1, 15, 1, 64, 64), (2, 10, 11, 64, 64)],
    "RGB-multichannel.czi": [(1, 21, 1, 81, 147)],
    "S3_1Pos_2Mosaic_T1_Z1_CH1.czi": [(1, 1, 1, 122, 295), (1, 1, 1, 64, 64), (1, 1, 1, 237, 352)],
    "example-cerevisiae.nd2": [(1, 2, 1, 256, 256)],
    "example-multichannel.nd2": [(1, 4, 1, 256, 256)],
    "example-timelapse.nd2": [(53, 1, 1, 64, 64)],
    "mosaic_test.czi": [(1, 1, 1, 624, 1756)],
    "nuc_small.czi": [(1, 1, 1, 240, 320)],
    "test.oib": [(1, 3, 1, 256, 256)],
    "tiles.czi": [(1, 2, 1, 512, 510)],
    "toxo.dv": [(1, 2, 17, 128, 128)],
}

# file: names, x in µm, z in µm, frame interval in s; read off each file's own metadata by hand.
FACTS = {
    "Airyscan.czi": (["ChA-T1", "ChA-T2"], 0.0439294, None, 0.523),
    "CellDivision_T3_Z5_CH2_X240_Y170.czi": (["LED555", "LED470"], 0.0905767, 0.32, 60.075),
    "DAPI_GFP.czi": (["DAPI", "GFP"], None, None, None),
    "Al2O3_SE_020_sp.czi": (["C1"], 0.02791, None, None),
    "nuc_small.czi": (["AF568"], 0.457151, None, None),
    "tiles.czi": (["Ch1", "T PMT"], 0.830266, None, None),
    "example-cerevisiae.nd2": (["DIC", "FITC BP"], 0.108333, None, None),
    "example-timelapse.nd2": (["GFP 488 nm"], 0.325, None, 0.50016),
    "test.oib": (["CH1", "Alexa Fluor 546", "TD1"], 0.177, None, None),
    "toxo.dv": (["525 nm", "632 nm"], 0.13262, 0.3, None),
}


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "microscope_files"


def test_every_file_of_the_folder_is_covered(folder):
    with (folder / "index.csv").open() as file:
        listed = {row["file"] for row in csv.DictReader(file)}
    assert {name for name in listed if not name.endswith(".ome.xml")} == set(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_those_that_other_readers_found(folder, name):
    scenes = read_scenes(folder / name)
    assert [scene.shape for scene in scenes] == SHAPES[name]
    assert [scene.scene for scene in scenes] == list(range(len(scenes)))
    for scene in scenes:
        assert len(scene.metadata.channel_names) == scene.shape[1]
        last = tuple(length - 1 for length in scene.shape[:3])
        assert scene.plane(*last).shape == scene.shape[3:]


@pytest.mark.parametrize("name", FACTS)
def test_names_sizes_and_times_are_read(folder, name):
    names, x, z, t = FACTS[name]
    image = open_image(folder / name)
    size = image.pixel_size
    assert [channel.name for channel in image.channels] == names
    assert (size.unit, size.time_unit) == ("µm", "s")
    for found, expected in ((size.x, x), (size.y, x), (size.z, z), (size.t, t)):
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-5))


@pytest.mark.parametrize("name", SHAPES)
def test_reading_prints_nothing_and_warns_of_nothing(folder, name, capfd, recwarn):
    open_image(folder / name).plane(0, 0, 0)
    assert capfd.readouterr() == ("", "")
    assert [str(entry.message) for entry in recwarn] == []


@pytest.mark.parametrize("name", SHAPES)
def test_opening_reads_no_plane(folder, name, plane_reads):
    read_scenes(folder / name)
    assert plane_reads == []


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("Airyscan.czi", {"xml"}),
        ("example-cerevisiae.nd2", {"attributes", "metadata", "text_info", "experiment"}),
        ("LeicaLASX_wavelength-sweep_example.lif", {"xml"}),
        ("toxo.dv", {"header", "extended"}),
        ("test.oib", {"main", "plane"}),
    ],
)
def test_the_metadata_of_each_format_are_kept_as_documented(folder, name, keys):
    metadata = open_image(folder / name).metadata
    assert set(metadata.native) == keys
    assert metadata.file_name == name


def test_instrument_facts_of_formats_without_ome_are_there(folder):
    lif = open_image(folder / "LeicaLASX_wavelength-sweep_example.lif").metadata.native["xml"]
    assert 'DataSourceTypeName="Confocal"' in lif
    assert 'MicroscopeModel="DMI6000B-CS"' in lif
    oib = open_image(folder / "test.oib").metadata.native
    assert oib["main"]["Acquisition Parameters Common"]["Acquisition Device"] == "FV1000"
    assert oib["plane"]["Acquisition Parameters Common"]["ObjectiveLens NAValue"] == 0.75
    assert open_image(folder / "toxo.dv").metadata.native["header"]["lens_num"] == 10003


@pytest.mark.parametrize("name", ["Airyscan.czi", "DAPI_GFP.czi", "Al2O3_SE_020_sp.czi", "example-multichannel.nd2"])
def test_an_ome_record_is_there_where_one_can_be_made(folder, name):
    metadata = open_image(folder / name).metadata
    assert len(metadata.ome.images[metadata.ome_image].pixels.channels) == len(metadata.channel_names)


def test_colours_and_display_ranges_are_read(folder):
    airyscan = open_image(folder / "Airyscan.czi").channels
    assert [channel.color for channel in airyscan] == [(255, 0, 0), (0, 255, 0)]
    # <High> is 0.0384985 of 65535.
    assert airyscan[0].display_range == (0, 2523)
    assert open_image(folder / "example-multichannel.nd2").channels[1].color == (0, 51, 255)
    assert [channel.color for channel in open_image(folder / "test.oib").channels] == [
        (0, 255, 0),
        (255, 0, 0),
        (255, 255, 255),
    ]
    assert open_image(folder / "LeicaLASX_wavelength-sweep_example.lif").channels[0].color == (0, 255, 0)


def test_the_bands_of_a_spectral_scan_are_channels_with_their_wavelength(folder):
    emission, excitation, _ = read_scenes(folder / "LeicaLASX_wavelength-sweep_example.lif")
    assert [channel.name for channel in emission.channels][:2] == ["HyD 1 550 nm", "HyD 1 560 nm"]
    assert excitation.channels[-1].name == "HyD 1 560 nm"


def test_colours_of_a_czi_with_several_colour_channels(folder):
    image = open_image(folder / "RGB-multichannel.czi")
    assert [channel.name for channel in image.channels][:4] == [
        "Bright red",
        "Bright green",
        "Bright blue",
        "Pol_0 red",
    ]
    assert not image.rgb  # seven pictures, not one
    assert image.metadata.file_channel(4, 7) == 1


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in SHAPES
        if name.endswith((".czi", ".nd2")) and name not in ("DAPI_GFP.czi", "Al2O3_SE_020_sp.czi")
    ],
)
def test_pixels_are_those_that_bioio_reads(folder, name):
    """The two left out raise inside bioio-czi."""
    from bioio import BioImage

    other = BioImage(folder / name)
    for number, scene in enumerate(read_scenes(folder / name)):
        other.set_scene(number)
        expected = other.data
        if expected.ndim == 6:
            # bioio leaves the colours in the order of the file: blue, green, red.
            expected = np.moveaxis(expected[..., ::-1], -1, 2).reshape(scene.shape)
        np.testing.assert_array_equal(np.asarray(scene.data), expected)


def test_pixels_are_those_that_the_format_libraries_read_at_once(folder):
    import liffile
    import mrc
    import oiffile

    lif = open_image(folder / "LeicaLASX_wavelength-sweep_example.lif", "2")
    np.testing.assert_array_equal(
        np.asarray(lif.data), liffile.imread(folder / "LeicaLASX_wavelength-sweep_example.lif", image=2)
    )
    dv = open_image(folder / "toxo.dv")
    np.testing.assert_array_equal(np.asarray(dv.data).squeeze(), mrc.DVFile(folder / "toxo.dv").asarray().squeeze())
    oib = open_image(folder / "test.oib")
    np.testing.assert_array_equal(np.asarray(oib.data)[0, :, 0], oiffile.imread(folder / "test.oib"))


def test_the_two_files_on_which_bioio_raises_are_read_as_libczi_reads_them(folder):
    from aicspylibczi import CziFile

    for name in ("DAPI_GFP.czi", "Al2O3_SE_020_sp.czi"):
        with (folder / name).open("rb") as file:
            pixels, _ = CziFile(file).read_image()
        np.testing.assert_array_equal(np.asarray(open_image(folder / name).data).squeeze(), pixels.squeeze())


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("tubhiswt.ome.xml", [(20, 2, 1, 512, 512)]),
        ("hcs.ome.xml", [(16, 3, 1, 1024, 1024)]),
        ("ome_ns.ome.xml", [(1, 3, 5, 4029, 5476)] * 3),
        ("minimum-specification.ome.xml", [(2, 2, 2, 2, 2)]),
    ],
)
def test_ome_xml_is_inspected_and_has_no_pixels(folder, name, shapes):
    scenes = open_metadata(folder / name)
    assert [scene.shape for scene in scenes] == shapes
    assert all(scene.metadata.format == "ome-xml" and scene.metadata.ome is not None for scene in scenes)
    with pytest.raises(UnreadableFile, match="contains OME-XML metadata but no pixels"):
        open_image(folder / name)


@pytest.mark.parametrize(
    "name", ["Airyscan.czi", "example-timelapse.nd2", "LeicaLASX_wavelength-sweep_example.lif", "toxo.dv", "test.oib"]
)
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_a_truncated_file_never_gives_wrong_pixels(folder, tmp_path, name, share):
    data = (folder / name).read_bytes()
    cut = tmp_path / name
    cut.write_bytes(data[: int(len(data) * share)])

    def read_all():
        for scene in read_scenes(cut):
            np.asarray(scene.data)

    with pytest.raises(UnreadableFile, match="damaged or incomplete") as caught:
        read_all()
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)


def test_an_oif_folder_is_read_like_the_oib_file_made_of_it(folder, tmp_path, monkeypatch):
    import oiffile

    monkeypatch.chdir(tmp_path)
    oiffile.oib2oif(str(folder / "test.oib"), location=str(tmp_path), verbose=0)
    (made,) = tmp_path.rglob("*.oif")
    oif, oib = open_image(made), open_image(folder / "test.oib")
    np.testing.assert_array_equal(np.asarray(oif.data), np.asarray(oib.data))
    assert oif.channels == oib.channels
    assert oif.pixel_size == oib.pixel_size
