"""Small metadata, made in code, for cases about one kind of evidence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from autodip_ij.groups import GroupDecision, infer_groups
from autodip_ij.images.image import SourceMetadata

OME_HEAD = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'


def decide(metadata: SourceMetadata, channel: int = 0) -> GroupDecision:
    """Return the decision for one channel."""
    return infer_groups(metadata)[channel]


def named(*names: str, image: str | None = None, file: str | None = None) -> SourceMetadata:
    """A plain file that knows nothing but names."""
    return SourceMetadata("tiff", names, image_name=image, file_name=file)


def ome(
    channels: Sequence[Mapping[str, str]],
    *,
    instrument: str = "",
    inside: Sequence[str] = (),
    name: str = "",
    annotations: str = "",
) -> SourceMetadata:
    """An OME record: the attributes of each channel, its inner XML, the instrument's XML."""
    from ome_types import from_xml

    rows = []
    for index, attributes in enumerate(channels):
        given = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items())
        inner = inside[index] if index < len(inside) else ""
        rows.append(f'<Channel ID="Channel:{index}" {given}>{inner}</Channel>')
    parts = f'<Instrument ID="Instrument:0">{instrument}</Instrument>' if instrument else ""
    reference = '<InstrumentRef ID="Instrument:0"/>' if instrument else ""
    kept = f"<StructuredAnnotations>{annotations}</StructuredAnnotations>" if annotations else ""
    text = (
        f'{OME_HEAD}{parts}<Image ID="Image:0" Name={quoteattr(name)}>{reference}'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="4" SizeY="4" SizeZ="1" SizeT="1" '
        f'SizeC="{len(channels)}">{"".join(rows)}<MetadataOnly/></Pixels></Image>{kept}</OME>'
    )
    names = tuple(attributes.get("Name", "") for attributes in channels)
    return SourceMetadata("ome-tiff", names, ome=from_xml(text))


def one_ome(*, instrument: str = "", inside: str = "", name: str = "", **attributes: str) -> SourceMetadata:
    """An OME record of one channel."""
    return ome([attributes], instrument=instrument, inside=[inside] if inside else [], name=name)


def czi(
    channels: Sequence[str], *, instrument: str = "", experiment: str = "", title: str = "", system: str = ""
) -> SourceMetadata:
    """A CZI document: the inner XML of each channel, the instrument's lists, tracks."""
    rows = "".join(f'<Channel Id="Channel:{index}">{inner}</Channel>' for index, inner in enumerate(channels))
    scope = f"<Microscopes><Microscope><System>{system}</System></Microscope></Microscopes>" if system else ""
    xml = (
        f"<ImageDocument><Metadata><Information><Document><Title>{title}</Title></Document><Image><Dimensions><Channels>"
        f"{rows}</Channels></Dimensions></Image><Instrument>{scope}{instrument}</Instrument></Information>{experiment}"
        "<HardwareSetting><ParameterCollection><Laser>Chameleon</Laser></ParameterCollection></HardwareSetting>"
        "</Metadata></ImageDocument>"
    )
    return SourceMetadata("czi", ("",) * len(channels), native={"xml": xml})


def nd2(channels: Sequence[Mapping[str, Any]], description: str = "", **text: str) -> SourceMetadata:
    """ND2 metadata: ``name``, ``flags``, ``ex``, ``em``, ``pinhole`` of each channel, and the description text."""
    entries = [
        {
            "channel": {
                "name": channel.get("name", ""),
                "excitationLambdaNm": channel.get("ex"),
                "emissionLambdaNm": channel.get("em"),
            },
            "microscope": {
                "modalityFlags": list(channel.get("flags", ())),
                "pinholeDiameterUm": channel.get("pinhole"),
                "objectiveName": "Apo TIRF 100x Oil DIC N2",
            },
            "volume": {"componentCount": channel.get("components", 1)},
        }
        for channel in channels
    ]
    native = {"metadata": {"channels": entries}, "text_info": {"description": description, **text}}
    return SourceMetadata("nd2", tuple(channel.get("name", "") for channel in channels), native=native)


def lif(
    settings: str, *, channels: Sequence[str] = ("",), system: str = "TCS SP8", source: str = "Confocal"
) -> SourceMetadata:
    """A LIF element: hardware settings, and the inner XML of each channel description."""
    rows = "".join(f"<ChannelDescription>{inner}</ChannelDescription>" for inner in channels)
    xml = (
        f'<Element Name="Series001"><Data><Image><ImageDescription><Channels>{rows}</Channels></ImageDescription>'
        f'<Attachment Name="HardwareSetting" SystemTypeName="{system}" DataSourceTypeName="{source}">{settings}'
        "</Attachment></Image></Data></Element>"
    )
    return SourceMetadata("lif", ("",) * len(channels), native={"xml": xml})


def oib(
    channels: Sequence[Mapping[str, str]], *, data_name: str = "Image0001.oib", **sections: Mapping[str, str]
) -> SourceMetadata:
    """The settings of a FluoView file: the parameters of each channel, further sections by name with underscores."""
    main: dict[str, Mapping[str, str]] = {
        "Version Info": {"SystemName": "FLUOVIEW FV1000"},
        "File Info": {"DataName": data_name},
    }
    for number, parameters in enumerate(channels, start=1):
        main[f"Channel {number} Parameters"] = parameters
    main.update({name.replace("_", " "): values for name, values in sections.items()})
    return SourceMetadata("oib", ("",) * len(channels), native={"main": main})


def imagej(info: str, *, channels: int = 1, labels: Sequence[str] = ()) -> SourceMetadata:
    """An image open in ImageJ, with its Info text and slice labels."""
    return SourceMetadata("imagej", ("",) * channels, native={"info": info, "labels": list(labels)})
