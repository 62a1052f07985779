package main

import (
	"context"
	"errors"
)

func plotVerb(context.Context, *env, []string) error { return errors.New("not built yet") }

func blame(context.Context, *env, []string) error { return errors.New("not built yet") }
