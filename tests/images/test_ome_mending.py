"""OME records with a value that OME does not allow: it is left out and named, and the rest is kept and written."""

import numpy as np
import ome_types
import pytest
import tifffile

from autodip_ij.images import open_image, open_metadata, write
from autodip_ij.images.reading.ome_xml import parse_ome

pytestmark = pytest.mark.usefixtures("no_open_files")

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
GOOD = f"""<OME xmlns="{NAMESPACE}"><Instrument ID="Instrument:0"><Microscope Model="LSM 880"/>
<Detector ID="Detector:0" Model="Orca" Type="CMOS"/><Objective ID="Objective:0" LensNA="1.4"/></Instrument>
<Image ID="Image:0" Name="cell"><AcquisitionDate>2021-03-04T05:06:07</AcquisitionDate><InstrumentRef ID="Instrument:0"/>
<ObjectiveSettings ID="Objective:0"/>
<Pixels DimensionOrder="XYCZT" ID="Pixels:0" PhysicalSizeX="0.2" PhysicalSizeXUnit="µm" PhysicalSizeY="0.2"
 PhysicalSizeYUnit="µm" PhysicalSizeZ="0.7" PhysicalSizeZUnit="µm" SizeC="2" SizeT="1" SizeX="12" SizeY="10" SizeZ="2"
 Type="uint16">
<Channel Color="65535" ID="Channel:0:0" Name="DAPI" SamplesPerPixel="1" EmissionWavelength="461"
 AcquisitionMode="WideField"><DetectorSettings ID="Detector:0" Binning="2x2"/></Channel>
<Channel Color="16711935" ID="Channel:0:1" Name="Phalloidin 568" SamplesPerPixel="1"/>
<TiffData IFD="0" PlaneCount="4"/><Plane TheZ="0" TheC="0" TheT="0" DeltaT="0.5" PositionX="3" PositionXUnit="µm"/>
</Pixels></Image></OME>"""

# What is written in place of what, and the words that name it; no words where nothing is lost.
BAD = {
    "binning": ('Binning="2x2"', 'Binning="1"', "DetectorSettings Binning '1'"),
    "unit um": ('PhysicalSizeXUnit="µm"', 'PhysicalSizeXUnit="um"', None),
    "unit micron": ('PhysicalSizeZUnit="µm"', 'PhysicalSizeZUnit="micron"', None),
    "unit escaped": ('PhysicalSizeZUnit="µm"', 'PhysicalSizeZUnit="\\u00B5m"', None),
    "depth 0": ('PhysicalSizeZ="0.7"', 'PhysicalSizeZ="0"', "Pixels PhysicalSizeZ '0'"),
    "depth below 0": ('PhysicalSizeZ="0.7"', 'PhysicalSizeZ="-0.7"', "Pixels PhysicalSizeZ '-0.7'"),
    "depth in words": ('PhysicalSizeZ="0.7"', 'PhysicalSizeZ="n/a"', "Pixels PhysicalSizeZ 'n/a'"),
    "unknown unit": ('PhysicalSizeZUnit="µm"', 'PhysicalSizeZUnit="turns"', "Pixels PhysicalSizeZUnit 'turns'"),
    "wavelength 0": ('EmissionWavelength="461"', 'EmissionWavelength="0"', "Channel EmissionWavelength '0'"),
    "mode": ('AcquisitionMode="WideField"', 'AcquisitionMode="Snap"', "Channel AcquisitionMode 'Snap'"),
    "mode in lower case": ('AcquisitionMode="WideField"', 'AcquisitionMode="wide-field"', None),
    "date": ("2021-03-04T05:06:07", "4 March 2021", "AcquisitionDate '4 March 2021'"),
    "detector": ('Type="CMOS"', 'Type="sCMOS"', None),
    "another detector": ('Type="CMOS"', 'Type="film"', "Detector Type 'film'"),
    "element": ("<InstrumentRef", "<Stage><Axis/></Stage><InstrumentRef", "Image/Stage"),
    "element of a channel": ("<DetectorSettings", "<Laser488/><DetectorSettings", "Channel/Laser488"),
    "twice": ("<InstrumentRef", "<AcquisitionDate>2021-03-04T05:06:07</AcquisitionDate><InstrumentRef",
              "a second Image/AcquisitionDate"),
    "identifier of a file": (
        '<TiffData IFD="0" PlaneCount="4"/>',
        '<TiffData IFD="0" PlaneCount="4"><UUID FileName="a.ome.tif">file 1</UUID></TiffData>',
        "UUID 'file 1'",
    ),
    "plane": ('DeltaT="0.5"', 'DeltaT="soon"', "Plane DeltaT 'soon'"),
    "plane of no time": ('TheT="0" ', "", "Plane without TheT"),
    "identifiers": ("Instrument:0", "Scope 1", None),
    "identifier of a detector": ("Detector:0", "Camera", None),
    "numerical aperture": ('LensNA="1.4"', 'LensNA="oil"', "Objective LensNA 'oil'"),
    "order": ('DimensionOrder="XYCZT"', 'DimensionOrder="XYCZT" Type2="x"', None),
    "control character": ('Name="cell"', 'Name="ce&#7;ll"', None),
    "named character": ('PhysicalSizeXUnit="µm"', 'PhysicalSizeXUnit="&micro;m"', None),
    "no namespace": (f' xmlns="{NAMESPACE}"', "", None),
}  # fmt: skip


def check(image):
    """Assert what no bad value may take away."""
    assert [channel.name for channel in image.channels] == ["DAPI", "Phalloidin 568"]
    assert [channel.color for channel in image.channels] == [(0, 0, 255), (0, 255, 0)]
    assert (image.pixel_size.x, image.pixel_size.y, image.pixel_size.unit) == (0.2, 0.2, "µm")
    assert image.metadata.ome.instruments[0].microscope.model == "LSM 880"
    assert image.metadata.ome.images[0].instrument_ref.id == image.metadata.ome.instruments[0].id


@pytest.mark.parametrize("case", BAD)
def test_one_bad_value_costs_itself_only(tmp_path, rng, case, caplog):
    before, after, named = BAD[case]
    xml = GOOD.replace(before, after)
    assert xml != GOOD
    planes = rng.integers(0, 99, (4, 10, 12), np.uint16)
    tifffile.imwrite(
        tmp_path / "a.ome.tif", planes, description=xml.encode(), metadata=None, ome=False, photometric="minisblack"
    )
    image = open_image(tmp_path / "a.ome.tif")
    assert image.shape == (1, 2, 2, 10, 12)
    check(image)
    assert image.pixel_size.z == (None if named and "PhysicalSizeZ" in named else 0.7)
    said = [record.message for record in caplog.records if record.name.startswith("autodip_ij")]
    assert said == ([f"a.ome.tif: omitted from its OME record because OME does not allow it: {named}"] if named else [])

    for name in ("b.ome.tif", "b.ome.zarr"):
        written = write(image, tmp_path / name)
        text = (written / "OME/METADATA.ome.xml").read_text() if written.is_dir() else tifffile.tiffcomment(written)
        ome_types.validate_xml(text)
        caplog.clear()
        again = open_image(written)
        assert caplog.text == ""
        check(again)
        assert again.pixel_size == image.pixel_size


def test_all_of_them_together_are_named_in_one_line(tmp_path, caplog):
    xml = GOOD
    for before, after, _ in BAD.values():
        xml = xml.replace(before, after)
    ome = parse_ome(xml, "a.ome.tif")
    assert [channel.name for channel in ome.images[0].pixels.channels] == ["DAPI", "Phalloidin 568"]
    assert len(caplog.records) == 1
    assert "\n" not in caplog.text.strip()
    assert " more" in caplog.text


def test_identifiers_outside_the_schema_stay_apart(caplog):
    """And a channel keeps its own detector, whatever the others are called."""
    parts = '<Detector ID="Cam" Model="A"/><Detector ID="Detector:Cam" Model="B"/><Detector ID="0" Model="C"/>'
    xml = GOOD.replace('<Detector ID="Detector:0" Model="Orca" Type="CMOS"/>', parts)
    for used, model in (("Cam", "A"), ("Detector:Cam", "B"), ("0", "C")):
        ome = parse_ome(xml.replace('DetectorSettings ID="Detector:0"', f'DetectorSettings ID="{used}"'), "a")
        detectors = {detector.id: detector.model for detector in ome.instruments[0].detectors}
        assert len(detectors) == 3
        assert detectors[ome.images[0].pixels.channels[0].detector_settings.id] == model


@pytest.mark.parametrize("case", ["binning", "depth 0", "date", "identifiers"])
def test_records_beside_the_pixels_are_mended_too(tmp_path, case):
    """A companion file, an OME-XML file and the record of an OME-Zarr."""
    xml = GOOD.replace(*BAD[case][:2])
    (tmp_path / "a.ome.xml").write_text(xml, encoding="utf-8")
    (scene,) = open_metadata(tmp_path / "a.ome.xml")
    assert scene.metadata.channel_names == ("DAPI", "Phalloidin 568")

    planes = np.zeros((4, 10, 12), np.uint16)
    (tmp_path / "a.companion.ome").write_text(xml, encoding="utf-8")
    reference = f'<OME xmlns="{NAMESPACE}"><BinaryOnly MetadataFile="a.companion.ome" UUID="urn:uuid:1"/></OME>'
    tifffile.imwrite(
        tmp_path / "a.tif", planes, description=reference, metadata=None, ome=False, photometric="minisblack"
    )
    check(open_image(tmp_path / "a.tif"))

    store = write(open_image(tmp_path / "a.tif"), tmp_path / "a.ome.zarr")
    (store / "OME/METADATA.ome.xml").write_text(xml, encoding="utf-8")
    check(open_image(store))


def test_an_omitted_value_is_not_lost_for_other_readers(tmp_path):
    from bioio import BioImage

    xml = GOOD.replace(*BAD["binning"][:2])
    planes = np.zeros((4, 10, 12), np.uint16)
    tifffile.imwrite(
        tmp_path / "a.ome.tif", planes, description=xml.encode(), metadata=None, ome=False, photometric="minisblack"
    )
    image = BioImage(write(open_image(tmp_path / "a.ome.tif"), tmp_path / "b.ome.tif"))
    assert image.channel_names == ["DAPI", "Phalloidin 568"]
    assert tuple(image.physical_pixel_sizes) == (0.7, 0.2, 0.2)
