"""The cache of replies: what was written is found again, whatever cut the last run short."""

import json

import pytest

from distreward.errors import InputError
from distreward.judge.cache import Reply, ReplyCache, request_key

ASKED = [{"role": "user", "content": "Hi"}]


def key(number: int) -> str:
    return f"{number:064x}"


def test_replies_are_there_in_the_next_run(tmp_path):
    path = tmp_path / "cache.jsonl"
    replies = [Reply("one\ntwo", 3, 4, "stop", "m"), Reply("", None, None, None, None), Reply("drei größer", 1, 2)]
    with ReplyCache(path) as cache:
        for number, reply in enumerate(replies):
            cache.add(key(number), reply)
            assert len(path.read_text().splitlines()) == number + 1  # on disk at once, not at the end
            assert cache.get(key(number)) == reply
    with ReplyCache(path) as cache:
        assert [cache.get(key(number)) for number in range(3)] == replies
        assert key(3) not in cache and cache.get(key(3)) is None and len(cache) == 3
        cache.add(key(3), Reply("four"))
        assert cache.get(key(0)) == replies[0] and cache.get(key(3)).text == "four"  # reading does not move writing
    assert len(path.read_text().splitlines()) == 4


@pytest.mark.parametrize("kept", range(0, 60, 7))
def test_a_line_cut_off_by_a_kill_costs_only_itself(kept, tmp_path, caplog):
    path = tmp_path / "cache.jsonl"
    with ReplyCache(path) as cache:
        cache.add(key(0), Reply("one"))
        cache.add(key(1), Reply("two"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:kept])
    with ReplyCache(path) as cache:
        assert cache.n_cut_lines == (1 if kept else 0)
        assert cache.get(key(0)).text == "one" and key(1) not in cache
        cache.add(key(2), Reply("three"))
    with ReplyCache(path) as cache:  # the new line was not glued to the cut one
        assert cache.get(key(2)).text == "three" and len(cache) == 2
        assert cache.n_cut_lines == (1 if kept else 0)


def test_a_whole_record_without_its_line_end_is_not_trusted(tmp_path):
    path = tmp_path / "cache.jsonl"
    path.write_text(json.dumps({"key": key(0), "text": "one"}))
    with ReplyCache(path) as cache:
        assert cache.n_cut_lines == 1 and key(0) not in cache


def test_two_runs_do_not_share_a_file(tmp_path):
    path = tmp_path / "cache.jsonl"
    with ReplyCache(path), pytest.raises(InputError, match="another run is using this cache"):
        ReplyCache(path).__enter__()
    with ReplyCache(path):
        pass  # free again


def test_a_file_that_is_no_cache_is_left_alone(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text('{"id": "q1"}\n{"id": "q2"}\n')
    with pytest.raises(InputError, match="holds no replies"):
        ReplyCache(path).__enter__()
    assert path.read_text() == '{"id": "q1"}\n{"id": "q2"}\n'
    path.write_text("")
    with ReplyCache(path) as cache:  # an empty file may become one, and the lock of the failed try is gone
        assert len(cache) == 0
    with pytest.raises(InputError, match="cannot be opened"):
        ReplyCache(tmp_path).__enter__()


def test_the_key_names_everything_that_makes_a_request():
    settings = {"temperature": 0.0, "max_tokens": 8}
    keys = {
        request_key(ASKED, "m", settings),
        request_key(ASKED, "n", settings),
        request_key(ASKED, "m", settings | {"temperature": 0.5}),
        request_key(ASKED, "m", {"temperature": 0.0}),
        request_key([{"role": "system", "content": "Hi"}], "m", settings),
        request_key([*ASKED, {"role": "user", "content": ""}], "m", settings),
    }
    assert len(keys) == 6 and all(len(k) == 64 for k in keys)
