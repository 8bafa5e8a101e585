"""The prediction log's own files: Arrow streams that a worker appends to, without pyarrow."""
