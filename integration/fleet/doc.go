// Package fleet tests the fleet with workers and leaders that are processes, some on hosts of their own, on River
// and a real Postgres: they are killed, stopped, cut off and replaced while an independent connection counts what
// their ops did.
package fleet
