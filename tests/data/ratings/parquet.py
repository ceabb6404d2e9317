"""Files of ratings as pandas writes them to Parquet.

    python parquet.py        # writes *.parquet beside it

pandas 3.1.1, pyarrow 26.0.1. ratings.parquet holds what ratings.csv does.
"""

import pathlib

import pandas as pd

HERE = pathlib.Path(__file__).parent


def main() -> None:
    ratings = pd.read_csv(HERE / "ratings.csv")
    ratings.to_parquet(HERE / "ratings.parquet")
    small = pd.DataFrame({
        "note": [[1], [], [2, 3], [4]],
        "user_id": pd.Series(["ann", "bob", "ann", "Zoë"], dtype="category"),
        "item_id": pd.Series([7, 8, 2**63, 7], dtype="uint64"),
        "score": pd.Series([4.5, 3.0, 1.0, 2.5], dtype="float32"),
        "date": pd.to_datetime(["2020-01-03", "2020-01-01", "2020-01-02", "2020-01-04"]),
    })
    small.to_parquet(HERE / "kinds.parquet", compression="gzip", row_group_size=3, index=False)
    small.to_parquet(HERE / "zstd.parquet", compression="zstd")
    small.to_parquet(HERE / "zstd_pages_2.parquet", compression="zstd", data_page_version="2.0", index=False)
    small.to_parquet(HERE / "lz4.parquet", compression="lz4")
    small.to_parquet(HERE / "brotli.parquet", compression="brotli", index=False)
    nested = pd.DataFrame({"user": [{"id": 1}, {"id": 2}], "item": [1, 2]})
    nested.to_parquet(HERE / "nested.parquet", index=False)
    missing = pd.DataFrame({"user": [1, 2, None], "item": [1.0, 2.0, 3.0], "rating": [5.0, 4.0, 3.0]})
    missing.to_parquet(HERE / "no_user.parquet", compression=None)
    missing = missing.assign(user=[1, 2, 3], rating=[5.0, float("nan"), 3.0])
    missing.to_parquet(HERE / "no_rating.parquet", compression=None)


if __name__ == "__main__":
    main()
