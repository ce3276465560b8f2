"""What OME records say of the microscope: one case for each kind of evidence, and the traps."""

from __future__ import annotations

import pytest

from autodip_ij.images.image import SourceMetadata

from .building import decide, ome, one_ome

LASER_488 = '<Laser ID="LightSource:0" Type="Gas" LaserMedium="Ar" Wavelength="488"/>'
TISA = '<Laser ID="LightSource:1" Model="Chameleon Ultra II" Type="SolidState"/>'
LED = '<LightEmittingDiode ID="LightSource:2" Model="Colibri 7"/>'
LAMP = '<Arc ID="LightSource:3" Type="Hg" Model="HBO 100"/>'
CAMERA = '<Detector ID="Detector:0" Type="EMCCD" Model="iXon Ultra"/>'
PMT = '<Detector ID="Detector:1" Type="PMT"/>'


def uses(light: str = "", detector: str = "") -> str:
    """References of a channel to its light source and detector."""
    source = f'<LightSourceSettings ID="LightSource:{light}"/>' if light else ""
    return source + (f'<DetectorSettings ID="Detector:{detector}"/>' if detector else "")


def scope(model: str, *parts: str) -> str:
    return f'<Microscope Model="{model}"/>' + "".join(parts)


OUTRIGHT, INFERRED, HINT, NONE = (0.8, 1.0), (0.5, 0.799), (0.01, 0.499), (0.0, 0.0)

CASES = {
    # --- the file's own field
    "laser scanning": (one_ome(AcquisitionMode="LaserScanningConfocalMicroscopy"), "confocal", OUTRIGHT),
    "spinning disk": (one_ome(AcquisitionMode="SpinningDiskConfocal"), "confocal", OUTRIGHT),
    "slit scan": (one_ome(AcquisitionMode="SlitScanConfocal"), "confocal", OUTRIGHT),
    "swept field": (one_ome(AcquisitionMode="SweptFieldConfocal"), "confocal", OUTRIGHT),
    "multi-photon": (one_ome(AcquisitionMode="MultiPhotonMicroscopy"), "twophoton", OUTRIGHT),
    "wide field": (one_ome(AcquisitionMode="WideField"), "widefield", OUTRIGHT),
    "other": (one_ome(AcquisitionMode="Other"), None, NONE),
    "non-linear illumination": (one_ome(IlluminationType="NonLinear"), "twophoton", OUTRIGHT),
    # --- techniques without a group
    "TIRF": (one_ome(AcquisitionMode="TIRF"), "widefield", HINT),
    "total internal reflection": (one_ome(AcquisitionMode="TotalInternalReflection"), "widefield", HINT),
    "light sheet": (one_ome(AcquisitionMode="SPIM"), "widefield", HINT),
    "structured illumination": (one_ome(AcquisitionMode="StructuredIllumination"), "widefield", HINT),
    "localisation": (one_ome(AcquisitionMode="STORM"), "widefield", HINT),
    "STED": (one_ome(AcquisitionMode="STED"), "confocal", HINT),
    "second harmonic": (one_ome(AcquisitionMode="SecondHarmonicGenerationImaging"), "twophoton", HINT),
    "near field": (one_ome(AcquisitionMode="NearFieldScanningOpticalMicroscopy"), None, NONE),
    "lifetime alone": (one_ome(AcquisitionMode="FluorescenceLifetime"), "confocal", HINT),
    # --- optics
    "two-photon wavelengths": (one_ome(ExcitationWavelength="920", EmissionWavelength="510"), "twophoton", OUTRIGHT),
    "two-photon wavelengths, called confocal": (
        one_ome(
            AcquisitionMode="LaserScanningConfocalMicroscopy", ExcitationWavelength="920", EmissionWavelength="510"
        ),
        "twophoton",
        OUTRIGHT,
    ),
    "near-infrared laser line alone": (one_ome(ExcitationWavelength="1040"), "twophoton", INFERRED),
    "near-infrared dye": (one_ome(ExcitationWavelength="750", EmissionWavelength="775"), None, NONE),
    "near-infrared dye on a confocal": (
        one_ome(
            AcquisitionMode="LaserScanningConfocalMicroscopy", ExcitationWavelength="730", EmissionWavelength="780"
        ),
        "confocal",
        OUTRIGHT,
    ),
    "excitation just above emission": (one_ome(ExcitationWavelength="561", EmissionWavelength="555"), None, NONE),
    "excitation far above emission": (
        one_ome(ExcitationWavelength="640", EmissionWavelength="520"),
        "twophoton",
        HINT,
    ),
    "wavelengths of one photon": (one_ome(ExcitationWavelength="488", EmissionWavelength="520"), None, NONE),
    "wavelength in micrometres": (
        one_ome(ExcitationWavelength="0.92", ExcitationWavelengthUnit="µm", EmissionWavelength="510"),
        "twophoton",
        OUTRIGHT,
    ),
    "pinhole alone": (one_ome(PinholeSize="60"), "confocal", INFERRED),
    "open pinhole": (one_ome(PinholeSize="600"), None, NONE),
    "open pinhole and two-photon wavelengths": (
        one_ome(PinholeSize="600", ExcitationWavelength="860", EmissionWavelength="480"),
        "twophoton",
        OUTRIGHT,
    ),
    "pinhole of an idle disk beside a camera": (
        one_ome(PinholeSize="50", instrument=CAMERA, inside=uses("", "0")),
        None,
        NONE,
    ),
    # --- parts of the instrument
    "camera and LED": (one_ome(instrument=CAMERA + LED, inside=uses("2", "0")), "widefield", INFERRED),
    "camera and mercury lamp": (one_ome(instrument=CAMERA + LAMP, inside=uses("3", "0")), "widefield", INFERRED),
    "camera and laser": (one_ome(instrument=CAMERA + LASER_488, inside=uses("0", "0")), None, NONE),
    "camera, laser, and the file says wide field": (
        one_ome(instrument=CAMERA + LASER_488, inside=uses("0", "0"), AcquisitionMode="WideField"),
        "widefield",
        OUTRIGHT,
    ),
    "camera alone": (one_ome(instrument=CAMERA, inside=uses("", "0")), None, NONE),
    "spinning disk with camera and lamp of the stand": (
        one_ome(instrument=CAMERA + LAMP, inside=uses("", "0"), AcquisitionMode="SpinningDiskConfocal"),
        "confocal",
        OUTRIGHT,
    ),
    "PMT alone": (one_ome(instrument=PMT, inside=uses("", "1")), "confocal", HINT),
    "PMT and pinhole": (one_ome(instrument=PMT, inside=uses("", "1"), PinholeSize="55"), "confocal", INFERRED),
    "Ti:sapphire laser used": (one_ome(instrument=PMT + TISA, inside=uses("1", "1")), "twophoton", INFERRED),
    "Ti:sapphire laser listed, another used": (
        one_ome(instrument=PMT + TISA + LASER_488, inside=uses("0", "1"), PinholeSize="55"),
        "confocal",
        INFERRED,
    ),
    "lamps and lasers listed, none used": (one_ome(instrument=LED + TISA + LASER_488), None, NONE),
    "LSM with PMT": (one_ome(instrument=scope("LSM 710", PMT), inside=uses("", "1")), "confocal", INFERRED),
    "multiphoton model": (one_ome(instrument=scope("FV1200MPE")), "twophoton", INFERRED),
    "light-sheet model": (one_ome(instrument=scope("Lightsheet Z.1")), "widefield", HINT),
    "DeltaVision model": (one_ome(instrument=scope("DeltaVision Elite")), "widefield", OUTRIGHT),
    "spinning-disk head as model": (one_ome(instrument=scope("Yokogawa CSU-W1", CAMERA)), "confocal", INFERRED),
    "stand alone": (one_ome(instrument=scope("Eclipse Ti2")), None, NONE),
    "LSM in wide-field mode": (
        one_ome(
            instrument=scope("LSM 900", CAMERA, LED), inside=uses("2", "0"), AcquisitionMode="WideField"
        ),
        "widefield",
        OUTRIGHT,
    ),
    # --- contradictions
    "two modes, by wavelengths against wide field": (
        one_ome(AcquisitionMode="WideField", ExcitationWavelength="920", EmissionWavelength="510"),
        None,
        NONE,
    ),
    "wide field with a PMT and a pinhole": (
        one_ome(AcquisitionMode="WideField", instrument=PMT, inside=uses("", "1"), PinholeSize="40"),
        None,
        NONE,
    ),
    "multi-photon with a lamp on a camera": (
        one_ome(AcquisitionMode="MultiPhotonMicroscopy", instrument=CAMERA + LED, inside=uses("2", "0")),
        None,
        NONE,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("metadata", "microscope", "band"), CASES.values(), ids=CASES.keys())
def test_microscope_of_an_ome_record(
    metadata: SourceMetadata, microscope: str | None, band: tuple[float, float]
) -> None:
    decision = decide(metadata)
    assert decision.leave_alone is None, decision.reason
    assert decision.microscope == microscope, decision.reason
    assert band[0] <= decision.confidence <= band[1], decision.reason


ALONE = {
    "transmitted": (one_ome(IlluminationType="Transmitted"), "transmitted"),
    "bright field": (one_ome(ContrastMethod="Brightfield"), "bright field"),
    "phase": (one_ome(ContrastMethod="Phase"), "phase contrast"),
    "DIC on a confocal": (
        one_ome(ContrastMethod="DIC", AcquisitionMode="LaserScanningConfocalMicroscopy"),
        "differential interference contrast",
    ),
    "Hoffman": (one_ome(ContrastMethod="HoffmanModulation"), "oblique"),
    "polarised": (one_ome(ContrastMethod="PolarizedLight"), "polarised"),
    "dark field": (one_ome(ContrastMethod="Darkfield"), "dark field"),
    "bright-field mode": (one_ome(AcquisitionMode="BrightField"), "bright field"),
    "T-PMT with a confocal's mode": (
        one_ome(Name="T-PMT", AcquisitionMode="LaserScanningConfocalMicroscopy", IlluminationType="Epifluorescence"),
        "transmitted",
    ),
    "photodiode of a two-photon microscope": (
        one_ome(
            instrument='<Detector ID="Detector:0" Type="Photodiode"/>' + TISA,
            inside='<LightSourceSettings ID="LightSource:1"/><DetectorSettings ID="Detector:0"/>',
        ),
        "transmitted",
    ),
    "electron microscope": (one_ome(instrument=scope("Tecnai Spirit")), "electron"),
}  # fmt: skip


@pytest.mark.parametrize(("metadata", "phrase"), ALONE.values(), ids=ALONE.keys())
def test_a_channel_without_fluorescence_is_left_alone(metadata: SourceMetadata, phrase: str) -> None:
    decision = decide(metadata)
    assert decision.leave_alone is not None, decision.reason
    assert phrase in decision.leave_alone
    assert (decision.microscope, decision.specimen, decision.confidence) == (None, None, 0.0)


@pytest.mark.parametrize(
    "name",
    ["BF", "BF LED", "Bright", "Bright_2", "Bright_100X", "Brightfield", "DIC", "20x DIC", "Phase", "PH", "TD", "TD1",
     "T-PMT", "T PMT", "ESID", "Trans", "TL", "TL Phase", "Trans PMT", "PMT Trans"],
)  # fmt: skip
def test_names_of_channels_without_fluorescence(name: str) -> None:
    assert decide(one_ome(Name=name)).leave_alone


@pytest.mark.parametrize(
    "name", ["dic1-GFP", "StarBright Blue", "BrightGreen", "trans-Golgi", "TLR4", "PH domain", "Metadata"]
)
def test_names_that_only_look_like_contrast_methods(name: str) -> None:
    assert decide(one_ome(Name=name)).leave_alone is None


def test_each_channel_of_a_mixed_image_gets_its_own_answer() -> None:
    metadata = ome(
        [
            {"Name": "DAPI", "AcquisitionMode": "LaserScanningConfocalMicroscopy", "ContrastMethod": "Fluorescence"},
            {"Name": "SHG", "AcquisitionMode": "MultiPhotonMicroscopy", "ExcitationWavelength": "900"},
            {"Name": "TD", "AcquisitionMode": "LaserScanningConfocalMicroscopy", "ContrastMethod": "DIC"},
        ],
        instrument=scope("TCS SP8 MP"),
    )
    first, second, third = (decide(metadata, channel) for channel in range(3))
    assert first.group == "confocal/nucleus"
    assert second.microscope == "twophoton"
    assert third.leave_alone


def test_a_detector_of_one_channel_does_not_speak_for_the_others() -> None:
    detectors = '<Detector ID="Detector:0" Type="PMT"/><Detector ID="Detector:1" Model="T-PMT"/>'
    decision = decide(one_ome(instrument=detectors, AcquisitionMode="LaserScanningConfocalMicroscopy"))
    assert decision.microscope == "confocal"
    assert decision.leave_alone is None


def test_original_metadata_kept_by_bio_formats_is_read() -> None:
    note = (
        '<XMLAnnotation ID="Annotation:{}" Namespace="openmicroscopy.org/OriginalMetadata"><Value><OriginalMetadata>'
        "<Key>{}</Key><Value>{}</Value></OriginalMetadata></Value></XMLAnnotation>"
    )
    notes = note.format(0, "Modality", "Spinning Disk Confocal") + note.format(
        1, "[Channel 1 Parameters] DyeName", "DRAQ5"
    )
    assert decide(ome([{}, {}], annotations=notes)).group == "confocal/nucleus"
    assert decide(ome([{}, {}], annotations=notes), channel=1).group == "confocal"


def test_a_map_annotation_may_name_the_stain() -> None:
    annotation = '<MapAnnotation ID="Annotation:0"><Value><M K="Stain">phalloidin</M></Value></MapAnnotation>'
    assert decide(ome([{}], annotations=annotation)).specimen == "actin"


def test_the_image_index_picks_the_scene() -> None:
    from dataclasses import replace

    from ome_types import from_xml

    from .building import OME_HEAD

    image = (
        '<Image ID="Image:{0}"><Pixels ID="Pixels:{0}" DimensionOrder="XYCZT" Type="uint8" SizeX="4" SizeY="4" '
        'SizeZ="1" SizeT="1" SizeC="1"><Channel ID="Channel:{0}" AcquisitionMode="{1}"/><MetadataOnly/></Pixels>'
        "</Image>"
    )
    record = from_xml(f"{OME_HEAD}{image.format(0, 'WideField')}{image.format(1, 'SpinningDiskConfocal')}</OME>")
    metadata = SourceMetadata("ome-tiff", ("",), ome=record)
    assert decide(metadata).microscope == "widefield"
    assert decide(replace(metadata, ome_image=1)).microscope == "confocal"


def test_an_annotation_may_name_the_instrument() -> None:
    annotation = (
        '<XMLAnnotation ID="Annotation:0"><Value><InstrumentMode InstrumentMode="UltraMicroscope Blaze"/></Value>'
        "</XMLAnnotation>"
    )
    decision = decide(ome([{}], annotations=annotation))
    assert (decision.microscope, decision.confidence) == ("widefield", 0.4)
    assert "light-sheet" in decision.reason


@pytest.mark.parametrize("source", ["czi", "lif", "imagej"])
def test_a_file_written_by_autodip_keeps_the_group_of_its_source(source: str) -> None:
    kept = {
        "czi": "<ImageDocument><Metadata><Information><Image><Dimensions><Channels><Channel Name='DAPI'>"
        "<AcquisitionMode>WideField</AcquisitionMode></Channel></Channels></Dimensions></Image></Information></Metadata></ImageDocument>",
        "lif": "<Element><Data><Image><ImageDescription><Channels><ChannelDescription NameOfMeasuredQuantity='DAPI'/>"
        "</Channels></ImageDescription><Attachment Name='HardwareSetting' SystemTypeName='AF 6000' "
        "DataSourceTypeName='Widefield'/></Image></Data></Element>",
        "imagej": "Channel Name = DAPI\nAcquisitionMode = WideField",
    }
    from xml.sax.saxutils import escape

    annotation = (
        f'<CommentAnnotation ID="Annotation:0" Namespace="autodip_ij/source/{source}"><Value>{escape(kept[source])}'
        "</Value></CommentAnnotation>"
    )
    decision = decide(ome([{"AcquisitionMode": "SpinningDiskConfocal"}], annotations=annotation))
    assert decision.group == "widefield/nucleus"
