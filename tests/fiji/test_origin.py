"""Where an open image comes from, and which channel of the file each of its channels is."""

from __future__ import annotations

import imageio.v3 as imageio
import numpy as np
import pytest

from autodip_ij.fiji.imageplus.source import provenance_block, recorded_report, without_blocks
from autodip_ij.fiji.worker.origin import Origin, decide, match_channels
from autodip_ij.groups.model import GroupDecision
from autodip_ij.progress import Silent
from autodip_ij.settings import DenoiseSettings

OME = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0" Name="one">
<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="4" SizeY="4" SizeZ="1" SizeC="1" SizeT="1">
<Channel ID="Channel:0:0" Name="DAPI" AcquisitionMode="LaserScanningConfocalMicroscopy" SamplesPerPixel="1"/><TiffData/>
</Pixels></Image></OME>"""


class Listener(Silent):
    def __init__(self):
        self.lines = []

    def log(self, message):
        self.lines.append(message)


def decision(index, name, microscope="confocal", specimen=None):
    return GroupDecision(index, name, microscope, specimen, 0.8)


FILE = (decision(0, "DAPI", specimen="nucleus"), decision(1, "GFP"), decision(2, "Phalloidin", specimen="actin"))


def groups(origin):
    return [found.group for found in match_channels(FILE, origin)]


def test_equally_many_channels_are_the_same_ones():
    origin = Origin(channel_labels=("", "", ""))
    assert groups(origin) == ["confocal/nucleus", "confocal", "confocal/actin"]
    assert [found.index for found in match_channels(FILE, origin)] == [0, 1, 2]


def test_labels_of_bio_formats_identify_the_channel_of_a_duplicate():
    assert groups(Origin(channel_labels=("c:3/3 z:1/5 - cells.czi",))) == ["confocal/actin"]


def test_names_identify_the_channel_of_a_duplicate():
    assert groups(Origin(channel_labels=("dapi",))) == ["confocal/nucleus"]


def test_otherwise_only_what_all_channels_share_is_taken():
    found = match_channels(FILE, Origin(channel_labels=("",)))[0]
    assert (found.microscope, found.specimen) == ("confocal", None)
    assert "3 channels" in found.reason


def test_a_count_in_the_label_that_is_not_the_files_is_not_believed():
    assert groups(Origin(channel_labels=("c:2/5 - x",))) == ["confocal"]


def test_the_ome_record_is_used_when_the_file_is_gone():
    origin = Origin("moved.tif", paths=("/nowhere/moved.tif",), ome_xml=OME)
    found = decide(origin, DenoiseSettings(), Silent())
    assert found.decisions[0].group == "confocal/nucleus"
    assert "OME record" in found.basis


def test_a_damaged_record_is_reported_and_does_not_stop_the_run():
    listener = Listener()
    found = decide(Origin(ome_xml="<OME><Image></OME>"), DenoiseSettings(), listener)
    assert found.decisions[0].group == "all"
    assert "damaged" in listener.lines[0]


def test_a_file_that_cannot_be_read_again_is_reported(tmp_path):
    broken = tmp_path / "broken.czi"
    broken.write_bytes(b"no image at all")
    listener = Listener()
    found = decide(Origin(paths=(str(broken),)), DenoiseSettings(), listener)
    assert found.decisions[0].confidence == 0
    assert "broken.czi cannot be read again" in listener.lines[0]


def test_the_group_the_user_gives_comes_before_the_metadata():
    found = decide(Origin(ome_xml=OME), DenoiseSettings(group="widefield/mito"), Silent())
    assert found.decisions[0].group == "widefield/mito"


def test_a_weaker_source_does_not_decide_for_a_file_whose_channels_cannot_be_matched(shared):
    path = shared / "microscope_files" / "DAPI_GFP.czi"
    found = decide(Origin(paths=(str(path),), info="Fluor = DAPI", channel_labels=("",)), DenoiseSettings(), Silent())
    assert str(path) in found.basis
    assert found.decisions[0].specimen is None


def test_the_scene_is_the_one_bio_formats_opened(shared):
    from autodip_ij.images import scene_names

    path = shared / "microscope_files" / "S3_1Pos_2Mosaic_T1_Z1_CH1.czi"
    names = scene_names(path)
    assert len(names) > 1
    found = decide(Origin(paths=(str(path),), series=1), DenoiseSettings(), Silent())
    assert found.metadata.image_name == names[1] or found.basis == f"the file {path}"


def test_an_origin_travels_to_the_worker_and_back():
    origin = Origin("a", ("/x/y.tif",), "Info", "", ("l1", "l2"), ("l1",), 3)
    assert Origin.from_json(origin.to_json()) == origin


REPORT = {
    "software": "autodip_ij 1",
    "created": "2026-01-01T00:00:00+00:00",
    "device": "cpu",
    "precision": "float32",
    "seed": 1,
    "seconds": 2.0,
    "channels": [
        {
            "index": 0,
            "name": "DAPI",
            "treatment": "denoised",
            "group": "confocal/nucleus",
            "method": "dip",
            "reason": "named",
            "parameters": {"depth": 5, "width": 64, "skip": 4, "iterations": 300, "loss": None},
        },
        {"index": 1, "name": "", "treatment": "left alone", "reason": "bright-field"},
    ],
}


def test_the_record_of_a_run_can_be_read_by_people_and_programs():
    block = provenance_block(REPORT, "the file x.czi")
    assert "channel 1 = DAPI: confocal/nucleus (depth 5, width 64, skip 4, iterations 300); named" in block
    assert "channel 2 = left alone; bright-field" in block
    assert recorded_report(f"Objective = 63x\n{block}") == REPORT


@pytest.mark.parametrize("after", ["", "\nmore = 1"])
def test_records_of_earlier_runs_are_no_evidence(after):
    block = provenance_block(REPORT)
    assert without_blocks(f"Objective = 63x\n{block}\n{block}{after}") == f"Objective = 63x{after}"


def test_the_file_name_is_evidence_and_the_window_title_is_not(tmp_path):
    png = tmp_path / "widefield_actin_3.png"
    imageio.imwrite(png, np.zeros((8, 8), np.uint8))
    named = {"file": Origin("confocal nucleus", (str(png),)), "window": Origin("confocal nucleus")}
    seen = {
        key: {fact.value for fact in decide(origin, DenoiseSettings(), Silent()).decisions[0].evidence}
        for key, origin in named.items()
    }
    assert seen == {"file": {"widefield_actin_3"}, "window": {"confocal nucleus"}}  # without a file, there is the title
