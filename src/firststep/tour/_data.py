"""The data: 1,797 real handwritten digits of 8 by 8 pixels, which come with scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CLASSES = 10
_TEST_SHARE = 0.2
_SPLIT_SEED = 0


@dataclass(frozen=True, slots=True)
class Digits:
    """Images ``(n, 1, 8, 8)``, standardised by the training images' mean and std, and their classes ``(n,)``."""

    train_images: Tensor
    train_classes: Tensor
    test_images: Tensor
    test_classes: Tensor


def load_digits() -> Digits:
    """The digits, four fifths to train on and one fifth to test on, each class in equal proportion; always this split.

    >>> digits = load_digits()
    >>> tuple(digits.train_images.shape), tuple(digits.test_images.shape)
    ((1437, 1, 8, 8), (360, 1, 8, 8))

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
    """
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    pixels, target = datasets.load_digits(return_X_y=True)
    train, test = train_test_split(range(len(target)), test_size=_TEST_SHARE, stratify=target, random_state=_SPLIT_SEED)
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8)
    classes = torch.tensor(target, dtype=torch.int64)
    images = (images - images[train].mean()) / images[train].std()
    return Digits(images[train], classes[train], images[test], classes[test])
