package main

import (
	"context"
	"errors"
)

func historyVerb(context.Context, *env, []string) error { return errors.New("not built yet") }
