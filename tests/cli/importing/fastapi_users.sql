-- Made by fastapi-users 15.0.5: the table of its SQLite database. The password is 'correct horse battery stäple'.
BEGIN TRANSACTION;
CREATE TABLE user (
	id CHAR(36) NOT NULL, 
	email VARCHAR(320) NOT NULL, 
	hashed_password VARCHAR(1024) NOT NULL, 
	is_active BOOLEAN NOT NULL, 
	is_superuser BOOLEAN NOT NULL, 
	is_verified BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "user" VALUES('00123456-789a-bcde-f012-3456789abcde','ann@example.com','$argon2id$v=19$m=65536,t=3,p=4$zDKVpXVUS/+sxbBUxJY1JA$3PXHsKEhQLi2bkjVq3vDy6Z3lx5xuRjFEDtKpRZavhw',1,0,1);
INSERT INTO "user" VALUES('002468ac-f135-79bd-e024-68acf13579bc','ben@example.com','$2b$12$IF5BGVFy1raQ.k/my7Gt4uYcNUvLJHlwWigvSH/TtPzTZ0IWBATku',1,0,0);
INSERT INTO "user" VALUES('00369d03-69d0-369c-d036-9d0369d0369a','cleo@example.com','$argon2id$v=19$m=65536,t=3,p=4$su+zPfhCzklvPfPm9vxxhg$moR/a7eyRYU+E9YpTlDNUEM7ZgIk3kinvOfLd5aX3Vs',0,0,0);
INSERT INTO "user" VALUES('0048d159-e26a-f37b-c048-d159e26af378','hal@example.com','$argon2id$v=19$m=65536,t=3,p=4$iJn+LjmNQWYIIKcJyDKTEg$E/+/9xbLqESPGt2CuavIJLDGbI7gaG8dVDhtokorMoU',1,1,0);
CREATE UNIQUE INDEX ix_user_email ON user (email);
COMMIT;
