"""What CZI and LIF files say of the microscope: one case for each kind of evidence, and the traps."""

from __future__ import annotations

import pytest

from autodip_ij.groups import infer_groups
from autodip_ij.images.image import SourceMetadata

from .building import czi, decide, lif

OUTRIGHT, INFERRED, HINT, NONE = (0.8, 1.0), (0.5, 0.799), (0.01, 0.499), (0.0, 0.0)
LSCM = "<AcquisitionMode>LaserScanningConfocalMicroscopy</AcquisitionMode>"
FLUORESCENCE = "<ContrastMethod>Fluorescence</ContrastMethod>"


def track(identifier: str, laser: str = "", metres: str = "", pinhole: str = "") -> str:
    """A track whose detector recorded channel 0."""
    attenuator = (
        f"<Attenuators><Attenuator><Wavelength>{metres}</Wavelength><Transmission>0.05</Transmission>"
        f"<Laser>{laser}</Laser></Attenuator></Attenuators>"
        if laser
        else ""
    )
    return (
        "<Experiment><ExperimentBlocks><AcquisitionBlock><MultiTrackSetup><TrackSetup>"
        f'{attenuator}<Detectors><Detector Id="Channel:0"><DetectorIdentifier>{identifier}</DetectorIdentifier>'
        f"<PinholeDiameter>{pinhole}</PinholeDiameter></Detector></Detectors></TrackSetup></MultiTrackSetup>"
        "</AcquisitionBlock></ExperimentBlocks></Experiment>"
    )


LED_CAMERA = (
    '<LightSources><LightSource Id="L:1" Name="Colibri 7"><LightSourceType><LightEmittingDiode/></LightSourceType>'
    '</LightSource></LightSources><Detectors><Detector Id="D:1" Name="Axiocam 702"/></Detectors>'
)
USES_BOTH = (
    '<DetectorSettings><Detector Id="D:1"/></DetectorSettings><LightSourcesSettings><LightSourceSettings>'
    "<Intensity>{} %</Intensity><LightSource Id='L:1'/></LightSourceSettings></LightSourcesSettings>"
)

CZI_CASES = {
    "confocal": (czi([LSCM]), "confocal", OUTRIGHT),
    "wide field": (czi(["<AcquisitionMode>WideField</AcquisitionMode>"]), "widefield", OUTRIGHT),
    "light sheet": (czi(["<AcquisitionMode>SPIM</AcquisitionMode>"], system="Lightsheet 7"), "widefield", HINT),
    "laser attenuator in a wide-field channel": (
        czi(["<AcquisitionMode>WideField</AcquisitionMode><LaserScanInfo><LaserAttenuatorState>On</LaserAttenuatorState>"
             "</LaserScanInfo>"]),
        "widefield",
        OUTRIGHT,
    ),
    "Airyscan": (czi(["<AiryscanSettings><Mode>SuperResolution</Mode></AiryscanSettings>"]), "confocal", OUTRIGHT),
    "Airyscan switched off": (czi(["<AiryscanSettings><Mode>Off</Mode></AiryscanSettings>"]), None, NONE),
    "pinhole and dwell time": (
        czi(["<PinholeSizeAiry>1.0</PinholeSizeAiry><LaserScanInfo><PixelTime>2e-6</PixelTime></LaserScanInfo>"]),
        "confocal",
        INFERRED,
    ),
    "LED and camera": (czi([USES_BOTH.format(50)], instrument=LED_CAMERA), "widefield", INFERRED),
    "LED at zero": (czi([USES_BOTH.format(0)], instrument=LED_CAMERA), None, NONE),
    "two-photon laser of the track": (
        czi([LSCM + "<DetectionWavelength><Ranges>500-550</Ranges></DetectionWavelength>"],
            experiment=track("NonDescannedPmt1", "Chameleon", "9.2e-7")),
        "twophoton",
        OUTRIGHT,
    ),
    "two-photon light, dye's own excitation": (
        czi([LSCM + "<ExcitationWavelength>488</ExcitationWavelength><EmissionWavelength>509</EmissionWavelength>"
             "<IlluminationWavelength><SinglePeak>930</SinglePeak></IlluminationWavelength>"], system="LSM 980"),
        "twophoton",
        OUTRIGHT,
    ),
    "NLO laser installed, visible line used": (
        czi([LSCM], experiment=track("DescannedPmt2", "Argon", "4.88e-7", "5e-5"), system="LSM 780"),
        "confocal",
        OUTRIGHT,
    ),
    "what the hardware could do": (czi([FLUORESCENCE]), None, NONE),
}  # fmt: skip


@pytest.mark.parametrize(("metadata", "microscope", "band"), CZI_CASES.values(), ids=CZI_CASES.keys())
def test_microscope_of_a_czi(metadata: SourceMetadata, microscope: str | None, band: tuple[float, float]) -> None:
    decision = decide(metadata)
    assert decision.microscope == microscope, decision.reason
    assert band[0] <= decision.confidence <= band[1], decision.reason


@pytest.mark.parametrize(
    "metadata",
    [
        czi([LSCM], experiment=track("NonDescannedTransmissionPmt1")),
        czi(["<ContrastMethod>PolarizedLight</ContrastMethod>"]),
        czi(["<PixelType>Bgr24</PixelType><IlluminationType>Transmitted</IlluminationType>"]),
        czi([""], system="GeminiSEM 300"),
    ],
    ids=["T-PMT", "polarised", "colour", "electron microscope"],
)
def test_a_czi_channel_without_fluorescence_is_left_alone(metadata: SourceMetadata) -> None:
    assert decide(metadata).leave_alone


def test_a_damaged_czi_document_gives_no_evidence() -> None:
    assert decide(SourceMetadata("czi", ("",), native={"xml": "<ImageDocument><Metadata>"})).group == "all"


# --- Leica -----------------------------------------------------------------------------------------------------------


def scan(
    *,
    detectors: str = '<Detector Name="HyD 1" Type="HyD" Channel="1" IsActive="1"/>',
    lasers: str = "",
    pinhole: str = "1",
    more: str = "",
    attributes: str = "",
) -> str:
    """The settings of one scan."""
    return (
        f'<ATLConfocalSettingDefinition PinholeAiry="{pinhole}" ScanSpeed="400" CanDoSTED="1" {attributes}>'
        f"{lasers}{detectors}{more}</ATLConfocalSettingDefinition>"
    )


MP_LASER = (
    '<Laser LaserName="MP" LightSourceName="MP" PowerState="On" Wavelength="{nm}"/>'
    '<Shutter LightSourceName="MP" IsActive="{shutter}"/>'
)
LINE = (
    '<Aotf LightSourceName="Visible"><LaserLineSetting LaserLine="488" IntensityDev="{power}"/></Aotf>'
    '<Laser LaserName="Argon" LightSourceName="Visible" PowerState="On"/>'
)
BAND = '<Spectro><MultiBand Channel="1" LeftWorld="500" RightWorld="550" DyeName="Leica/{dye}"/></Spectro>'
WIDE = (
    '<ATLCameraSettingDefinition CameraName="DFC9000GT"><WideFieldChannelConfigurator>'
    '<WideFieldChannelInfo ContrastingMethodName="{method}" FluoCubeName="A4" UserDefName="{name}"/>'
    "</WideFieldChannelConfigurator></ATLCameraSettingDefinition>"
)
LEGACY = (
    '<ScannerSetting><ScannerSettingRecord Identifier="SystemType" Variant="TCS SP5"/>'
    '<ScannerSettingRecord Identifier="dblPinhole" Variant="9.5E-05"/></ScannerSetting><FilterSetting>'
    '<FilterSettingRecord ObjectName="PMT 2" ClassName="CDetectionUnit" Attribute="State" Variant="Active"/>'
    '<FilterSettingRecord ObjectName="PMT Trans" ClassName="CDetectionUnit" Attribute="State" Variant="{}"/>'
    "</FilterSetting>"
)

LIF_CASES = {
    "confocal": (lif(scan(lasers=LINE.format(power=10))), "confocal", OUTRIGHT),
    "two-photon laser open": (lif(scan(lasers=MP_LASER.format(nm=880, shutter=1), more=BAND)), "twophoton", OUTRIGHT),
    "two-photon laser on, shutter closed": (
        lif(scan(lasers=LINE.format(power=10) + MP_LASER.format(nm=880, shutter=0), more=BAND)),
        "confocal",
        OUTRIGHT,
    ),
    "two-photon laser with its own modulator": (
        lif(
            scan(
                lasers='<Aotf LightSourceName="MP"><LaserLineSetting LaserLine="910" IntensityDev="4"/></Aotf>'
                '<Laser LaserName="MP" LightSourceName="MP" PowerState="On"/>',
                more=BAND,
            )
        ),
        "twophoton",
        OUTRIGHT,
    ),
    "STED active": (lif(scan(attributes='IsSTEDActive="1"')), "confocal", HINT),
    "STED installed": (lif(scan(attributes='IsSTEDActive="0"')), "confocal", OUTRIGHT),
    "camera, fluorescence": (
        lif(WIDE.format(method="FLUO", name=""), system="DMi8", source="Camera"),
        "widefield",
        INFERRED,
    ),
    "old scanner": (lif(LEGACY.format("Not Active"), system="", source=""), "confocal", INFERRED),
}


@pytest.mark.parametrize(("metadata", "microscope", "band"), LIF_CASES.values(), ids=LIF_CASES.keys())
def test_microscope_of_a_lif(metadata: SourceMetadata, microscope: str | None, band: tuple[float, float]) -> None:
    decision = decide(metadata)
    assert decision.microscope == microscope, decision.reason
    assert band[0] <= decision.confidence <= band[1], decision.reason


@pytest.mark.parametrize("method", ["BF", "TL-BF", "DIC", "TL-PH", "PH"])
def test_a_lif_contrast_method_is_left_alone(method: str) -> None:
    assert decide(lif(WIDE.format(method=method, name=""), source="Camera")).leave_alone


def test_dyes_of_sequential_scans_go_to_their_channels() -> None:
    def of(number: int, dye: str) -> str:
        detector = f'<Detector Name="HyD {number}" Type="HyD" Channel="{number}" IsActive="1"/>'
        band = (
            f'<Spectro><MultiBand Channel="{number}" LeftWorld="420" RightWorld="500" DyeName="Leica/{dye}"/></Spectro>'
        )
        return scan(detectors=detector, more=band)

    sequence = of(1, "DAPI") + of(3, "TRITC")
    settings = f"{of(1, 'DAPI')}<LDM_Block_Sequential_List>{sequence}</LDM_Block_Sequential_List>"
    groups = [decision.group for decision in infer_groups(lif(settings, channels=("", "")))]
    assert groups == ["confocal/nucleus", "confocal"]


def test_a_dye_of_an_inactive_detector_is_not_evidence() -> None:
    inactive = (
        '<Detector Name="HyD 1" Channel="1" IsActive="0"/><Detector Name="PMT 2" Type="PMT" Channel="2" IsActive="1"/>'
    )
    decision = decide(lif(scan(detectors=inactive, more=BAND.format(dye="DAPI"))))
    assert decision.group == "confocal"


def test_channel_properties_of_newer_files_name_the_dye() -> None:
    channel = "<ChannelProperty><Key>DyeName</Key><Value>Leica/DAPI (dsDNA bound)</Value></ChannelProperty>"
    assert decide(lif(scan(), channels=(channel,))).group == "confocal/nucleus"


def test_the_transmission_detector_of_an_old_scanner_is_left_alone() -> None:
    decisions = infer_groups(lif(LEGACY.format("Active"), channels=("", ""), system="", source=""))
    assert decisions[0].microscope == "confocal"
    assert decisions[1].leave_alone
