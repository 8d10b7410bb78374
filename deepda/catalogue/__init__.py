"""Public data that DeepDA can read: what there is, under which licence, and how it is fetched."""
