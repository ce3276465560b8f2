"""What names, dyes and titles say of the specimen: dyes, antibodies, fusion proteins, spellings, and the traps."""

from __future__ import annotations

import pytest

from autodip_ij.groups import infer_groups, load_vocabulary
from autodip_ij.images.image import SourceMetadata

from .building import decide, named, ome, one_ome

NUCLEUS = [
    "DAPI", "dapi", "Hoechst 33342", "HOECHST33342", "Hoechst-33258", "NucBlue", "DRAQ5", "TO-PRO-3", "ToPro3",
    "Propidium Iodide", "PI", "SYTOX Green", "SYTO 13", "SiR-DNA", "SPY650-DNA", "H2B-mCherry", "mCherry-H2B",
    "h2bgfp", "GFP-NLS", "nlsGFP", "tdTomato-NLS", "Lamin A/C", "LaminB1", "Ki-67", "EdU 647", "histone H3",
    "H3K27me3", "nuclei", "Nucleus", "DNA", "nuc", "405-DAPI", "DAPI_1", "NeuN", "H3342",
]  # fmt: skip
ACTIN = [
    "phalloidin", "Phalloidin-Alexa 568", "Alexa Fluor 488 Phalloidin", "rhodamine-phalloidin", "LifeAct-GFP",
    "LifeActRFP", "GFP-Utrophin", "UtrCH-mCherry", "F-tractin", "SiR-actin", "SiRActin", "F-actin", "β-actin",
    "beta actin", "αSMA", "α-SMA", "ActinGreen 488", "actin", "ACTB", "SPY555-FastAct",
]  # fmt: skip
MITO = [
    "MitoTracker", "MitoTracker Red CMXRos", "Mito-Tracker", "Mito Tracker Deep Red", "mitotrackerred", "CMXRos",
    "TMRM", "TMRE", "TOMM20", "Tom20-AF488", "anti-TOMM20-AF488", "COX8-GFP", "COX IV", "Mito-GFP", "mitoDsRed",
    "JC-1", "cytochrome c", "ATP synthase", "ATP5A", "HSP60", "VDAC1", "mitochondria", "Mitochondrion",
    "PKmito Orange",
]  # fmt: skip
NOTHING = [
    "EGFP", "GFP", "mCherry", "Alexa 488", "AF568", "FITC", "TRITC BP", "Cy3", "Cy5", "488", "C=0", "Ch1-T1", "Mono",
    # words that only contain the names of labels
    "interaction", "Mitosis", "mitotic", "transaction", "Abstraction", "nuclease", "PIP2", "hippo", "mitomycin C",
    "Nuclon", "pactin", "actinomycin D", "α-actinin", "cortactin", "SYTOplasm", "lifelike", "histology", "dnase",
    "tomato",
    # other structures
    "tubulin", "α-tubulin-AF647", "mCherry-EB3", "LysoTracker", "ER-Tracker", "GM130", "WGA-488", "DiI", "FM 4-64",
    "BODIPY 493/503", "GCaMP6f", "vimentin", "calcein",
    # negations
    "no DAPI", "unstained",
]  # fmt: skip
CASES = [
    *((name, "nucleus") for name in NUCLEUS),
    *((name, "actin") for name in ACTIN),
    *((name, "mito") for name in MITO),
    *((name, None) for name in NOTHING),
]


@pytest.mark.parametrize(("name", "specimen"), CASES, ids=[name for name, _ in CASES])
def test_specimen_of_a_channel_name(name: str, specimen: str | None) -> None:
    decision = decide(named(name))
    assert decision.specimen == specimen, decision.reason
    assert decision.confidence < 0.8  # a name is no statement of the instrument
    assert decision.microscope is None


def test_a_dye_in_its_own_field_is_a_statement() -> None:
    decision = decide(one_ome(Fluor="DAPI"))
    assert decision.specimen == "nucleus"
    assert decision.confidence >= 0.8


def test_a_dye_whose_colour_the_channel_does_not_record_is_doubted() -> None:
    agrees = decide(one_ome(Name="DAPI", EmissionWavelength="450"))
    silent = decide(one_ome(Name="DAPI"))
    wrong = decide(one_ome(Name="DAPI", EmissionWavelength="610"))
    assert agrees.confidence > silent.confidence
    assert wrong.specimen is None


def test_an_antibody_may_have_any_colour() -> None:
    assert decide(one_ome(Name="TOMM20", EmissionWavelength="668")).specimen == "mito"


def test_two_structures_in_one_channel_contradict_each_other() -> None:
    decision = decide(one_ome(Name="DAPI", Fluor="MitoTracker Deep Red"))
    assert decision.specimen is None
    assert "nucleus" in decision.reason
    assert "mito" in decision.reason


def test_another_structure_is_named_in_the_reason() -> None:
    decision = decide(named("anti-α-tubulin"))
    assert decision.specimen is None
    assert "microtubules" in decision.reason


def test_a_carrier_is_named_in_the_reason() -> None:
    assert "EGFP" in decide(named("EGFP")).reason


# --- titles ----------------------------------------------------------------------------------------------------------

TITLE = "HeLa H2B-mCherry LifeAct-GFP MitoTracker Deep Red"


def coloured(*emissions: str, name: str = TITLE) -> SourceMetadata:
    return ome([{"EmissionWavelength": nm} for nm in emissions], name=name)


def test_labels_of_a_title_go_to_the_channels_of_their_colour() -> None:
    found = [decision.specimen for decision in infer_groups(coloured("615", "510", "461"))]
    assert found == ["nucleus", "actin", None]


def test_labels_of_a_title_go_to_the_channels_of_their_fluorophore() -> None:
    metadata = ome([{"Name": "GFP"}, {"Name": "mCherry"}], name="GFP-TOMM20_H2B-mCherry_2")
    assert [decision.specimen for decision in infer_groups(metadata)] == ["mito", "nucleus"]


def test_a_title_is_only_a_hint() -> None:
    for decision in infer_groups(coloured("615", "510")):
        assert 0 < decision.confidence < 0.5


def test_a_title_counts_for_an_image_of_one_channel() -> None:
    assert decide(named("", image="phalloidin staining 3")).specimen == "actin"


@pytest.mark.parametrize(
    "title",
    ["actin and mitochondria", "actin knockdown", "no phalloidin", "ACTB siRNA", "interaction map", "DAPI phalloidin"],
)
def test_a_title_that_may_mean_something_else_decides_nothing(title: str) -> None:
    assert decide(named("", image=title)).specimen is None


def test_a_title_without_colours_decides_nothing_for_several_channels() -> None:
    metadata = ome([{}, {}], name="phalloidin staining")
    assert [decision.specimen for decision in infer_groups(metadata)] == [None, None]


def test_a_file_name_alone_decides_nothing_but_is_shown() -> None:
    decision = decide(named("", file="confocal_actin_03.tif"))
    assert decision.group == "all"
    assert {row.speaks_for for row in decision.evidence} == {"confocal", "actin"}


def test_a_stated_dye_outweighs_the_title() -> None:
    decision = decide(one_ome(Fluor="DAPI", name="phalloidin staining"))
    assert decision.specimen == "nucleus"


# --- both axes -------------------------------------------------------------------------------------------------------


def test_confidence_is_that_of_the_weaker_axis() -> None:
    stated = decide(one_ome(AcquisitionMode="WideField", Fluor="DAPI"))
    named_only = decide(one_ome(AcquisitionMode="WideField", Name="DAPI"))
    assert stated.group == named_only.group == "widefield/nucleus"
    assert named_only.confidence < 0.8 <= stated.confidence


def test_one_known_axis_is_enough_for_confidence() -> None:
    assert decide(one_ome(AcquisitionMode="WideField", Name="EGFP")).confidence >= 0.8


def test_nothing_known_is_no_confidence() -> None:
    decision = decide(named(""))
    assert (decision.group, decision.confidence, decision.evidence) == ("all", 0.0, ())
    assert "unknown" in decision.reason


def test_rows_are_sorted_and_name_their_place() -> None:
    decision = decide(one_ome(AcquisitionMode="SpinningDiskConfocal", Fluor="DAPI", Name="DAPI"))
    weights = [abs(row.weight) for row in decision.evidence]
    assert weights == sorted(weights, reverse=True)
    assert decision.evidence[0].source.startswith("OME/Image[0]/Pixels/Channel[0]/@")
    disk = next(row for row in decision.evidence if row.axis == "microscope")
    assert (disk.speaks_for, "counted as confocal" in disk.value) == ("confocal", True)


def test_the_rows_shown_add_up_to_the_confidence() -> None:
    decision = decide(one_ome(Name="DAPI", EmissionWavelength="460"))
    total = sum(row.weight for row in decision.evidence if row.speaks_for == "nucleus")
    assert decision.confidence == pytest.approx(min(total, 0.79))


def test_a_given_vocabulary_is_used(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('label = [{ name = "FITC", marks = "actin" }]', encoding="utf-8")
    metadata = named("FITC")
    assert decide(metadata).specimen is None
    assert infer_groups(metadata, load_vocabulary(path))[0].specimen == "actin"
