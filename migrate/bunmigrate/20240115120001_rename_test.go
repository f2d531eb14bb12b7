package bunmigrate_test

import (
	bunlib "github.com/uptrace/bun/migrate"
)

// register registers a migration in Go, under the name of this file.
func register(all *bunlib.Migrations, up, down bunlib.MigrationFunc) error {
	return all.Register(up, down)
}
