"""Data sets as arrays, and batches of them with the batch as last axis."""

from .augment import Augmentation as Augmentation
from .batches import Batch as Batch
from .batches import batches_per_epoch as batches_per_epoch
from .batches import epoch_batches as epoch_batches
from .batches import ordered_batches as ordered_batches
from .batches import probe_batch as probe_batch
from .bundled import fashion_mini as fashion_mini
from .cifar import load_cifar as load_cifar
from .dataset import Dataset as Dataset
from .dataset import Split as Split
from .dataset import padded as padded
from .dataset import pixel_normalization as pixel_normalization
from .idx import load_idx as load_idx
from .idx import read_idx as read_idx
from .image_folder import UNREADABLE as UNREADABLE
from .image_folder import ImageFolderSplit as ImageFolderSplit
from .image_folder import load_image_folder as load_image_folder
from .npz import load_npz as load_npz
from .registry import NAMES as NAMES
from .registry import Description as Description
from .registry import describe as describe
from .registry import load as load
from .samples import Samples as Samples
from .samples import Skipped as Skipped
from .synthetic import default_samples as default_samples
from .synthetic import teacher_student as teacher_student
