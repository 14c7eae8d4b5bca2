"""Lists for the VideoData layer, from a data root's manifest.

A split says which videos are for training and testing, and of which class;
`write_lists` turns it into files. Splits come from a folder per class, or from
the official files of UCF101 and HMDB51.
"""

from two_stream_prep.lists.folders import FolderRule, split_by_rule
from two_stream_prep.lists.hmdb51 import read_hmdb51_split
from two_stream_prep.lists.split import Item, Split, resolve
from two_stream_prep.lists.ucf101 import read_ucf101_split
from two_stream_prep.lists.write import write_lists

__all__ = [
    "FolderRule",
    "Item",
    "Split",
    "read_hmdb51_split",
    "read_ucf101_split",
    "resolve",
    "split_by_rule",
    "write_lists",
]
