"""Features on disk, one per text: what is there is not asked for again, what was cut off does not exist."""

import numpy as np
import pytest

from distreward.scoring.feature_store import FeatureStore, text_key


def keys(*texts):
    return [text_key(text) for text in texts]


def test_features_come_back_in_the_order_asked_for(tmp_path):
    store = FeatureStore(tmp_path / "store")
    one, two, three = keys([1], [2], [3])
    store.add([one, two], np.array([[1.0, 1.5], [2.0, 2.5]]))
    store.add([three], np.array([[3.0, 3.5]]))
    for opened in (store, FeatureStore(tmp_path / "store")):  # also by another process, later
        found = opened.get([three, one, three, two])
        assert found.tolist() == [[3.0, 3.5], [1.0, 1.5], [3.0, 3.5], [2.0, 2.5]]
        assert found.dtype == np.float32


def test_only_what_is_missing_is_asked_for_and_once(tmp_path):
    store = FeatureStore(tmp_path)
    one, two, three = keys([1], [2], [3])
    store.add([two], np.zeros((1, 4)))
    assert store.missing([one, two, three, one]) == [0, 2]
    assert store.missing([two]) == []
    store.add([], np.zeros((0, 4)))  # nothing to keep, no shard
    assert len(list(tmp_path.glob("*.keys.npy"))) == 1


def test_a_shard_that_was_cut_off_does_not_exist(tmp_path):
    store = FeatureStore(tmp_path)
    store.add(keys([1]), np.ones((1, 2)))
    for file in tmp_path.glob("*.keys.npy"):
        file.rename(file.with_suffix(".tmp"))  # the kill came before the keys had their name
    assert FeatureStore(tmp_path).missing(keys([1])) == [0]


@pytest.mark.parametrize("other", [[12], [2, 1], [1, 2, 0], []])
def test_keys_differ_with_the_tokens(other):
    assert len(text_key([1, 2])) == 16 and text_key([1, 2]) != text_key(other)
