"""Do what was decided, so that it can be continued and taken back: the verbs and their journal."""
