"""What ND2, OIB, DV and MRC files and ImageJ's Info text say of the microscope, and the traps."""

from __future__ import annotations

import pytest

from autodip_ij.groups import infer_groups
from autodip_ij.images.image import SourceMetadata

from .building import decide, imagej, nd2, oib

OUTRIGHT, INFERRED, HINT, NONE = (0.8, 1.0), (0.5, 0.799), (0.01, 0.499), (0.0, 0.0)


def plane(*lines: str, modality: str = "Widefield Fluorescence", name: str = "FITC") -> str:
    """The description of a file with one channel."""
    head = ("Metadata:", "Camera Name: Flash4.0, SN:1", f" Name: {name}", f" Modality: {modality}")
    return "\r\n".join([*head, *(f"  {line}" for line in lines)])


DEFAULT = {"name": "FITC", "flags": ["fluorescence", "camera"], "ex": 480.0, "em": 535.0}
LASER_ON = ("LUN-F, MultiLaser(LUN-F):", "   Line:1; ExW:405; Power:  0.0; Off", "   Line:2; ExW:488; Power: 20.0; On")
TWO_PHOTON_LASER = ("MP, MultiLaser(Chameleon):", "   Line:1; ExW:920; Power: 12.0; On")

ND2_CASES = {
    "scanner flag": (nd2([{"flags": ["fluorescence", "laserScanConfocal", "gaasp"]}]), "confocal", OUTRIGHT),
    "multiphoton flags": (
        nd2([{"flags": ["fluorescence", "laserScanConfocal", "multiphoton", "nonDescannedDetector"]}]),
        "twophoton",
        OUTRIGHT,
    ),
    "swept-field flag": (nd2([{"flags": ["fluorescence", "sweptFieldConfocalPinhole"]}]), "confocal", OUTRIGHT),
    "SoRa flag": (nd2([{"flags": ["fluorescence", "spinningDiskConfocal", "sora"]}]), "confocal", OUTRIGHT),
    "TIRF flag": (nd2([{"flags": ["fluorescence", "camera", "TIRF"]}]), "widefield", HINT),
    "SIM flag": (nd2([{"flags": ["fluorescence", "camera", "SIM"]}]), "widefield", HINT),
    "default flags": (nd2([DEFAULT]), None, NONE),
    "default flags and text": (nd2([DEFAULT], plane()), "widefield", HINT),
    "lamp open": (nd2([DEFAULT], plane("Sola, Shutter(Sola): Active")), "widefield", INFERRED),
    "lamp closed, laser on, disk in": (
        nd2([DEFAULT], plane("Sola, Shutter(Sola): Closed", *LASER_ON, "CSU-W1, Observation Mode: Confocal")),
        "confocal",
        INFERRED,
    ),
    "disk by-passed, lamp open": (
        nd2([DEFAULT], plane("Sola, Shutter(Sola): Active", "CSU-W1, Observation Mode: Widefield")),
        "widefield",
        OUTRIGHT,
    ),
    "pinhole of a disk on a camera channel": (nd2([{**DEFAULT, "pinhole": 50.0}]), None, NONE),
    "pinhole of the scanner": (
        nd2([{"flags": ["fluorescence", "laserScanConfocal"], "pinhole": 38.3}]),
        "confocal",
        OUTRIGHT,
    ),
    "two-photon laser line": (
        nd2([{"name": "GFP", "flags": ["fluorescence"], "em": 525.0}], plane(*TWO_PHOTON_LASER, modality="")),
        "twophoton",
        OUTRIGHT,
    ),
    "TIRF objective alone": (nd2([DEFAULT], plane("Sola, Shutter(Sola): Open")), "widefield", INFERRED),
    "result of unmixing": (nd2([DEFAULT], plane(), sampling="Unmixing"), None, NONE),
}


@pytest.mark.parametrize(("metadata", "microscope", "band"), ND2_CASES.values(), ids=ND2_CASES.keys())
def test_microscope_of_an_nd2(metadata: SourceMetadata, microscope: str | None, band: tuple[float, float]) -> None:
    decision = decide(metadata)
    assert decision.microscope == microscope, decision.reason
    assert band[0] <= decision.confidence <= band[1], decision.reason


@pytest.mark.parametrize(
    "metadata",
    [
        nd2([{"flags": ["brightfield", "spinningDiskConfocal"], "pinhole": 50.0}]),
        nd2([{"name": "TD", "flags": ["fluorescence", "laserScanConfocal", "transmitDetector"]}]),
        nd2([{"flags": ["brightfield"], "components": 3, "ex": 420.0, "em": 420.0}]),
        nd2([{"flags": ["brightfield", "phaseContrast"]}]),
        nd2([{"flags": ["fluorescence", "camera"]}], plane("Nikon Ti2, Shutter(DIA LED): Active", name="Mono")),
    ],
    ids=["bright field beside a disk", "TD", "colour", "phase", "diascopic shutter open"],
)
def test_an_nd2_channel_without_fluorescence_is_left_alone(metadata: SourceMetadata) -> None:
    assert decide(metadata).leave_alone


def test_planes_of_the_description_are_matched_by_name() -> None:
    description = (
        "Plane #1:\r\n Name: DIC\r\n Modality: Brightfield\r\n"
        "Plane #2:\r\n Name: DAPI\r\n Modality: Widefield Fluorescence, Spinning Disk Confocal\r\n"
    )
    metadata = nd2([{"name": "DAPI", "flags": ["fluorescence", "camera"], "em": 450.0}], description)
    assert decide(metadata).group == "confocal/nucleus"


def test_nd2_without_channel_records_is_read_from_its_description() -> None:
    description = (
        "Plane #1:\r\n Name: 20x phase\r\n Modality: Brightfield\r\nPlane #2:\r\n Name: Hoechst\r\n"
        " Modality: Widefield Fluorescence\r\n Emission Wavelength: 460 nm\r\n"
    )
    metadata = SourceMetadata("nd2", ("", ""), native={"metadata": None, "text_info": {"description": description}})
    first, second = infer_groups(metadata)
    assert first.leave_alone
    assert (second.name, second.specimen) == ("Hoechst", "nucleus")


# --- Olympus ---------------------------------------------------------------------------------------------------------

CONFOCAL = {"CH Name": "CH1", "LightType": "Fluorescence", "Confocal": "ON", "ExcitationWavelength": "488"}
MPE = {"CH Name": "RXD1", "LightType": "Fluorescence", "Confocal": "OFF", "EmissionWavelength": "520"}


def test_fluoview_confocal_is_told_by_its_channels() -> None:
    decision = decide(oib([{**CONFOCAL, "DyeName": "Hoechst 33342"}]))
    assert decision.group == "confocal/nucleus"
    assert decision.confidence >= 0.8


def test_fluoview_with_an_infrared_laser_is_two_photon() -> None:
    laser = {"Laser Enable": "1", "LaserWavelength": "860"}
    assert decide(oib([MPE], Laser_5_Parameters=laser)).microscope == "twophoton"
    switched_off = {**laser, "Laser Enable": "0"}
    assert decide(oib([CONFOCAL], Laser_5_Parameters=switched_off)).microscope == "confocal"


def test_fluoview_transmitted_channel_is_left_alone() -> None:
    assert decide(oib([{"CH Name": "TD1", "LightType": "Transmitted Light", "Confocal": "OFF"}])).leave_alone


def test_fluoview_values_may_be_quoted() -> None:
    quoted = {key: f'"{value}"' for key, value in CONFOCAL.items()}
    assert decide(oib([quoted])).microscope == "confocal"


# --- DeltaVision, MRC ------------------------------------------------------------------------------------------------


def test_a_deltavision_file_is_taken_for_wide_field_without_certainty() -> None:
    metadata = SourceMetadata("dv", ("", ""), native={"header": {"wave1": 457, "wave2": 528}})
    assert [decision.group for decision in infer_groups(metadata)] == ["widefield", "widefield"]
    assert decide(metadata).confidence < 0.8


def test_an_mrc_file_alone_decides_nothing() -> None:
    decision = decide(SourceMetadata("mrc", ("",)))
    assert (decision.group, decision.leave_alone) == ("all", None)
    assert [row.speaks_for for row in decision.evidence] == ["electron"]


# --- ImageJ ----------------------------------------------------------------------------------------------------------

INFO_CASES = {
    "CZI": (
        "Information|Image|Channel|AcquisitionMode #1 = LaserScanningConfocalMicroscopy\n"
        "Information|Instrument|Microscope|System = LSM 710\nInformation|Image|Channel|Fluor #1 = DAPI\n"
        "HardwareSetting|ParameterCollection|Detector|Model = Axiocam",
        "confocal/nucleus",
    ),
    "ND2": ("Modality = Widefield Fluorescence, Spinning Disk Confocal\nCamera Name = iXon", "confocal"),
    "LIF": (
        "HardwareSetting|DataSourceTypeName = Confocal\nATLConfocalSettingDefinition|Pinhole = 9.5e-05\n"
        "HardwareSetting|SystemTypeName = TCS SP8",
        "confocal",
    ),
    "OIB": (
        "[Channel 1 Parameters] DyeName = MitoTracker Red\n[Channel 1 Parameters] Confocal = ON\n"
        "[Version Info] SystemName = FLUOVIEW FV1200\n[GUI Channel 2 Parameters] DyeName = DAPI",
        "confocal/mito",
    ),
    "ScanImage": ("SI.VERSION_MAJOR = 2020\nSI.hChannels.channelSave = 1", "twophoton"),
    "Micro-Manager": ('{"Summary": {"ChNames": ["DAPI"]}, "Camera": "Andor sCMOS Camera"}', "nucleus"),
    "OME": (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="4" SizeY="4" SizeZ="1" SizeT="1" SizeC="1">'
        '<Channel ID="Channel:0" AcquisitionMode="WideField" Fluor="phalloidin"/><MetadataOnly/></Pixels></Image>'
        "</OME>",
        "widefield/actin",
    ),
    "nothing": ("Width = 512\nHeight: 512\nsome free text", "all"),
}  # fmt: skip


@pytest.mark.parametrize(("info", "group"), INFO_CASES.values(), ids=INFO_CASES.keys())
def test_the_info_text_of_imagej_tells_the_group(info: str, group: str) -> None:
    assert decide(imagej(info)).group == group


def test_numbered_keys_of_the_info_text_go_to_their_channels() -> None:
    info = "\n".join(
        [
            "Information|Image|Channel|Fluor #1 = DAPI",
            "Information|Image|Channel|Fluor #2 = Alexa Fluor 568 phalloidin",
            "Information|Image|Channel|AcquisitionMode #1 = WideField",
            "Information|Image|Channel|AcquisitionMode #2 = WideField",
        ]
    )
    groups = [decision.group for decision in infer_groups(imagej(info, channels=2))]
    assert groups == ["widefield/nucleus", "widefield/actin"]


def test_slice_labels_name_the_channels() -> None:
    labels = ["c:1/2 z:1/2 - DAPI", "c:2/2 z:1/2 - TOMM20", "c:1/2 z:2/2 - DAPI", "c:2/2 z:2/2 - TOMM20"]
    specimens = [decision.specimen for decision in infer_groups(imagej("", channels=2, labels=labels))]
    assert specimens == ["nucleus", "mito"]
