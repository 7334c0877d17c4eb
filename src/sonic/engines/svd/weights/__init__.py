"""The published weights of engine ``svd`` as files: what they are, where they lie, fetching, checking, converting."""
