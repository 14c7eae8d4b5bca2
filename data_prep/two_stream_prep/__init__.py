"""Video files to frames, optical flow, lists and databases.

From a script:

    from two_stream_prep import DIS, ExtractSettings, extract, find_videos

    if __name__ == "__main__":
        settings = ExtractSettings(size=(160, 120), flow=DIS())
        report = extract(find_videos(Path("videos")), "data", settings, processes=2)

See two_stream_prep.layout for what is where, two_stream_prep.lists for lists.
"""

from two_stream_prep.discover import find_videos
from two_stream_prep.errors import UserError
from two_stream_prep.extract_video import Video
from two_stream_prep.extraction import ExtractReport, extract
from two_stream_prep.flow import DIS, TVL1, Farneback, dequantize, quantize
from two_stream_prep.lmdb_writer import write_lmdb
from two_stream_prep.manifest import Manifest
from two_stream_prep.provenance import (
    provenance,
    provenance_differences,
    provenance_of_list,
)
from two_stream_prep.settings import ExtractSettings

__all__ = [
    "DIS",
    "TVL1",
    "ExtractReport",
    "ExtractSettings",
    "Farneback",
    "Manifest",
    "UserError",
    "Video",
    "dequantize",
    "extract",
    "find_videos",
    "provenance",
    "provenance_differences",
    "provenance_of_list",
    "quantize",
    "write_lmdb",
]
