-- +goose Up
CREATE TABLE migrations_authors (
    id BIGINT PRIMARY KEY,
    name VARCHAR NOT NULL
);
ALTER TABLE migrations_books ADD COLUMN author_id BIGINT;

-- +goose Down
ALTER TABLE migrations_books DROP COLUMN author_id;
DROP TABLE migrations_authors;
