// Package fleet tests the fleet with workers and leaders that are processes, on River and a real Postgres:
// they are killed, stopped and replaced while an independent connection counts what their ops did.
package fleet
