"""What a written file still says about its source, checked against the OME schema and with other readers."""

import numpy as np
import ome_types
import pytest
import tifffile
from ome_types.model import (
    OME,
    Detector,
    DetectorSettings,
    ImageRef,
    Instrument,
    InstrumentRef,
    Laser,
    LightSourceSettings,
    Microscope,
    Objective,
    ObjectiveSettings,
    Pixels,
    Plane,
    Plate,
    Well,
    WellSample,
)
from ome_types.model import (
    Channel as OmeChannel,
)
from ome_types.model import (
    Image as OmeImage,
)

from autodip_ij.images import Channel, Image, PixelSize, SourceMetadata, open_image, write
from autodip_ij.images.ome_text import ome_of, text_of
from autodip_ij.images.reading.open import read_scenes
from autodip_ij.images.selection import subset
from autodip_ij.images.writing.ome_record import PROVENANCE_NAMESPACE, make_ome

pytestmark = pytest.mark.usefixtures("no_open_files")


def ome_pixels(number, channels, planes=()):
    return Pixels(
        id=f"Pixels:{number}",
        dimension_order="XYCZT",
        type="uint8",
        significant_bits=8,
        channels=channels,
        planes=list(planes),
        size_x=6,
        size_y=5,
        size_z=2,
        size_c=2,
        size_t=3,
    )


@pytest.fixture
def ome():
    """Two images of a plate, the second a confocal time series with instrument, and a reference that leads nowhere."""
    instrument = Instrument(
        id="Instrument:0",
        microscope=Microscope(manufacturer="Acme", model="Scan 3"),
        objectives=[Objective(id="Objective:0", lens_na=1.4, nominal_magnification=63, immersion="Oil")],
        detectors=[Detector(id="Detector:0", type="PMT")],
        lasers=[Laser(id="LightSource:0", wavelength=488)],
    )
    channels = [
        OmeChannel(
            id="Channel:1:0",
            name="GFP",
            acquisition_mode="LaserScanningConfocalMicroscopy",
            emission_wavelength=509,
            pinhole_size=1.0,
            detector_settings=DetectorSettings(id="Detector:0", gain=700),
            light_source_settings=LightSourceSettings(id="LightSource:0"),
        ),
        OmeChannel(
            id="Channel:1:1",
            name="TL",
            contrast_method="DIC",
            detector_settings=DetectorSettings(id="Detector:9"),
        ),
    ]
    planes = [Plane(the_t=t, the_c=c, the_z=z, delta_t=10.0 * t) for t in range(3) for c in range(2) for z in range(2)]
    images = [
        OmeImage(id="Image:0", name="overview", pixels=ome_pixels(0, [OmeChannel(id="Channel:0:0", name="BF")])),
        OmeImage(
            id="Image:1",
            name="cell",
            pixels=ome_pixels(1, channels, planes),
            instrument_ref=InstrumentRef(id="Instrument:0"),
            objective_settings=ObjectiveSettings(id="Objective:0", medium="Oil", refractive_index=1.52),
        ),
    ]
    sample = WellSample(id="WellSample:0", index=0, image_ref=ImageRef(id="Image:0"))
    plate = Plate(id="Plate:0", wells=[Well(id="Well:0", row=0, column=0, well_samples=[sample])])
    with pytest.warns(UserWarning, match="unknown ID: Detector:9"):
        return OME(instruments=[instrument], images=images, plates=[plate])


@pytest.fixture
def image(ome, rng):
    return Image.from_array(
        rng.integers(0, 255, (3, 2, 2, 5, 6), np.uint8),
        channels=[Channel("GFP", (0, 255, 0), (3.0, 200.0)), Channel("TL", (255, 255, 255))],
        pixel_size=PixelSize(z=0.4, y=0.1, x=0.1, t=10.0),
        name="cell",
        metadata=SourceMetadata("ome-tiff", ("GFP", "TL"), ome=ome, ome_image=1, image_name="cell"),
    )


def written_ome(path):
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
    ome_types.validate_xml(xml)
    return ome_types.from_xml(xml)


def test_the_instrument_comes_along_and_the_record_is_valid(tmp_path, image, recwarn):
    ome = written_ome(write(image, tmp_path / "a.ome.tif", dtype="float32"))
    assert not [entry for entry in recwarn if "unknown ID" in str(entry.message)]
    assert [entry.name for entry in ome.images] == ["cell"]
    record = ome.images[0]
    assert ome.instruments[0].microscope.model == "Scan 3"
    assert record.objective_settings.ref.lens_na == 1.4
    gfp, tl = record.pixels.channels
    assert (gfp.name, gfp.acquisition_mode.value) == ("GFP", "LaserScanningConfocalMicroscopy")
    assert (gfp.emission_wavelength, gfp.pinhole_size, gfp.detector_settings.gain) == (509, 1.0, 700)
    assert gfp.light_source_settings.ref.wavelength == 488
    assert (tl.contrast_method.value, tl.detector_settings) == ("DIC", None)
    assert record.pixels.type.value == "float"
    assert record.pixels.significant_bits is None  # the 8 of the source say nothing about float32
    assert (record.pixels.physical_size_x, record.pixels.physical_size_z, record.pixels.time_increment) == (
        0.1,
        0.4,
        10,
    )
    assert len(record.pixels.planes) == 12
    assert not ome.plates


def test_the_record_of_the_source_is_not_changed(image):
    before = image.metadata.ome.to_xml()
    make_ome(image, np.dtype(np.float32), "text")
    assert image.metadata.ome.to_xml() == before


def test_a_reference_that_leads_nowhere_is_not_spoken_of(image, recwarn):
    subset(image, [0], [1], [0])
    assert not list(recwarn)


def test_provenance_is_an_annotation_of_the_image_and_replaced_by_the_next(tmp_path, image):
    first = open_image(write(image, tmp_path / "a.ome.tif", provenance='{"seed": 1}'))
    ome = written_ome(write(first, tmp_path / "b.ome.tif", provenance="second\nline"))
    found = [entry for entry in ome.structured_annotations if entry.namespace == PROVENANCE_NAMESPACE]
    assert [entry.value for entry in found] == ["second\nline"]
    assert found[0].id in {reference.id for reference in ome.images[0].annotation_refs}


def test_a_subset_describes_what_is_left(tmp_path, image):
    part = subset(image, [0, 2], [1], [1])
    assert part.shape == (2, 1, 1, 5, 6)
    np.testing.assert_array_equal(np.asarray(part.data), np.asarray(image.data)[[0, 2]][:, [1]][:, :, [1]])
    assert part.channels == (image.channels[1],)
    assert part.pixel_size == PixelSize(z=0.4, y=0.1, x=0.1, t=20.0)
    record = written_ome(write(part, tmp_path / "a.ome.tif")).images[0].pixels
    assert [channel.name for channel in record.channels] == ["TL"]
    assert [(plane.the_t, plane.the_c, plane.the_z, plane.delta_t) for plane in record.planes] == [
        (0, 0, 0, 0),
        (1, 0, 0, 20),
    ]


def test_uneven_steps_have_no_interval(image):
    assert subset(image, [0, 1, 2], [0], [0, 1]).pixel_size.t == 10
    assert (
        subset(Image.from_array(np.zeros((4, 1, 1, 2, 2)), pixel_size=PixelSize(t=3)), [0, 1, 3], [0], [0]).pixel_size.t
        is None
    )


def test_a_subset_of_colour_samples_keeps_the_acquisition_of_their_channel(image, rng):
    names = ("GFP red", "GFP green", "GFP blue", "TL red", "TL green", "TL blue")
    rgb = Image.from_array(
        rng.integers(0, 9, (1, 6, 1, 5, 6), np.uint8),
        channels=[Channel(name) for name in names],
        metadata=SourceMetadata("czi", names, ome=image.metadata.ome, ome_image=1),
    )
    assert [c.emission_wavelength for c in make_ome(rgb, rgb.dtype).images[0].pixels.channels] == [509] * 3 + [None] * 3
    part = subset(rgb, [0], [1, 4], [0])
    channels = make_ome(part, part.dtype).images[0].pixels.channels
    assert [(channel.name, channel.emission_wavelength) for channel in channels] == [
        ("GFP green", 509),
        ("TL green", None),
    ]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_is_what_the_specification_says_and_keeps_the_instrument(tmp_path, image, version):
    import zarr

    models = pytest.importorskip(f"ome_zarr_models.v{version.replace('.', '')}.image")
    path = write(image, tmp_path / "a.ome.zarr", zarr_version=version)
    group = zarr.open_group(path, mode="r")
    assert group.metadata.zarr_format == (2 if version == "0.4" else 3)
    attributes = dict(group.attrs)
    parsed = models.ImageAttrs.model_validate(attributes.get("ome", attributes))
    assert [axis.name for axis in parsed.multiscales[0].axes] == ["t", "c", "z", "y", "x"]
    back = open_image(path)
    assert back.metadata.ome.instruments[0].microscope.model == "Scan 3"
    ome_types.validate_xml((path / "OME" / "METADATA.ome.xml").read_text(encoding="utf-8"))


def test_large_planes_get_lower_resolutions(tmp_path):
    import zarr

    ramp = np.tile(np.arange(700, dtype=np.uint16), (301, 1))
    path = write(Image.from_array(ramp), tmp_path / "a.ome.zarr")
    group = zarr.open_group(path, mode="r")
    assert [group[name].shape for name in "012"] == [(301, 700), (151, 350), (76, 175)]
    np.testing.assert_array_equal(group["1"][0, :3], [0, 2, 4])  # means 0.5, 2.5, 4.5, rounded half to even
    scales = [d["coordinateTransformations"][0]["scale"] for d in group.attrs["ome"]["multiscales"][0]["datasets"]]
    assert scales == [[1, 1], [2, 2], [4, 4]]


def test_imagej_gets_back_what_it_gave(tmp_path, rng):
    """Look-up tables, labels, Info, overlay and ranges of an ImageJ file survive the way through this package."""
    data = rng.integers(0, 4000, (3, 2, 9, 8), np.uint16)
    given = {
        "axes": "ZCYX",
        "unit": "\\u00B5m",
        "spacing": 0.7,
        "mode": "composite",
        "Info": "Objective = 63x\nGain = 3",
        "Labels": [f"slice {i}" for i in range(6)],
        "LUTs": [rng.integers(0, 255, (3, 256), np.uint8) for _ in range(2)],
        "Ranges": (10.0, 900.0, 0.0, 4095.0),
        "Overlays": [b"Iout" + bytes(60)],
        "ROI": b"Iout" + bytes(60),
    }
    tifffile.imwrite(tmp_path / "in.tif", data, imagej=True, resolution=(4.0, 2.0), metadata=given)
    write(open_image(tmp_path / "in.tif"), tmp_path / "out.tif", dtype="float32", provenance="denoised by autodip")
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        found, tags = tif.imagej_metadata, tif.pages[0].tags
        np.testing.assert_array_equal(tif.asarray(), data)
        assert tags["XResolution"].value[0] / tags["XResolution"].value[1] == pytest.approx(4)
        assert tags["YResolution"].value[0] / tags["YResolution"].value[1] == pytest.approx(2)
    assert found["Info"] == "Objective = 63x\nGain = 3\ndenoised by autodip"
    assert found["Labels"] == given["Labels"]
    assert found["Ranges"] == given["Ranges"]
    assert (found["unit"], found["spacing"], found["mode"]) == ("\\u00B5m", 0.7, "composite")
    np.testing.assert_array_equal(found["LUTs"], given["LUTs"])
    assert (found["Overlays"], found["ROI"]) == (given["Overlays"][0], given["ROI"])
    part = subset(open_image(tmp_path / "in.tif"), [0], [1], [0, 2])
    assert part.metadata.native["labels"] == ["slice 1", "slice 5"]


@pytest.mark.shared
@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_real_files_are_valid_and_open_in_bioio_with_names_and_sizes(shared, tmp_path, suffix):
    from bioio import BioImage

    files = [
        path
        for path in sorted((shared / "microscope_files").iterdir())
        if path.name.endswith((".czi", ".nd2", ".lif", ".dv", ".oib", ".ome.tiff"))
    ]
    assert len(files) == 16
    for file in files:
        image = read_scenes(file)[-1]
        path = write(image, tmp_path / f"{file.name}{suffix}", dtype="float32", provenance="test")
        if suffix == ".ome.tif":
            written_ome(path)
        other = BioImage(path)
        named = [channel.name or f"Channel:0:{c}" for c, channel in enumerate(image.channels)]
        if suffix == ".ome.tif" or any(channel.name for channel in image.channels):
            assert [str(name) for name in other.channel_names] == named, file.name
        sizes = other.physical_pixel_sizes
        for found, expected in zip(
            (sizes.Z, sizes.Y, sizes.X), (image.pixel_size.z, image.pixel_size.y, image.pixel_size.x), strict=True
        ):
            if expected is not None:
                assert found == pytest.approx(expected), file.name
        assert other.shape == image.shape
        middle = [length // 2 for length in image.shape[:3]]
        found = other.get_image_dask_data("YX", T=middle[0], C=middle[1], Z=middle[2])
        np.testing.assert_array_equal(np.asarray(found), image.plane(*middle).astype(np.float32))


@pytest.mark.shared
def test_formats_without_an_ome_record_keep_their_own_metadata(shared, tmp_path):
    folder = shared / "microscope_files"
    for name, text in (
        ("LeicaLASX_wavelength-sweep_example.lif", "DMI6000B-CS"),
        ("test.oib", "FV1000"),
        ("toxo.dv", "header.lens_num"),
    ):
        ome = written_ome(write(open_image(folder / name), tmp_path / f"{name}.ome.tif"))
        own = [entry for entry in ome.structured_annotations if str(entry.namespace).startswith("autodip_ij/source/")]
        assert len(own) == 1
        assert text in own[0].to_xml()


def test_records_become_text_and_back_as_ome_types_does_it(ome):
    ome.images[0].description = "appended to lists afterwards"
    text = ome.to_xml()
    assert text_of(ome) == text
    assert text_of(ome_of(text)) == text
    assert ome_of(text) == ome_types.from_xml(text, validate=False)


HOSTILE = "a\x00b\x07c\x1b[31md\x9be\udcfff\ufffeg"


@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.zarr", "a.tif"])
def test_characters_that_xml_does_not_have_are_left_out(tmp_path, name, ome):
    """And the text around them is kept: what was computed is not lost for a control character in a name."""
    metadata = SourceMetadata("oib", (HOSTILE, "GFP"), native={"main": {f"Section {HOSTILE}": {"Key": HOSTILE}}})
    size = PixelSize(y=0.5, x=0.5, unit="µm")
    channels = [Channel(HOSTILE), Channel("GFP")]
    image = Image.from_array(
        np.zeros((2, 4, 5), np.uint16), "CYX", channels=channels, pixel_size=size, name=HOSTILE, metadata=metadata
    )
    written = write(image, tmp_path / name, provenance=f"made of {HOSTILE}")
    again = open_image(written)
    assert again.channels[1].name == "GFP"
    assert again.pixel_size.x == 0.5
    if name != "a.tif":
        text = (written / "OME/METADATA.ome.xml").read_text() if written.is_dir() else tifffile.tiffcomment(written)
        ome_types.validate_xml(text)
        assert 'Name="abc[31mdefg"' in text
        assert "made of abc[31mdefg" in text
