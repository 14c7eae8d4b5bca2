"""The MPI transport's conformance, on several numbers of real processes."""

import pytest

from .launch import TESTS, mpirun


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 8])
def test_transport_conforms(ranks):
    result = mpirun(ranks, TESTS, "--gtest_filter=MpiRanks.*", "--gtest_brief=1")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("PASSED") == ranks
    assert "built without MPI" not in result.stdout
