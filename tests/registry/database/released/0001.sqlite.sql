BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE aliases (
	name VARCHAR(63) NOT NULL, 
	alias VARCHAR(31) NOT NULL, 
	version INTEGER NOT NULL, 
	updated_at BIGINT NOT NULL, 
	CONSTRAINT pk_aliases PRIMARY KEY (name, alias), 
	CONSTRAINT fk_aliases_name_version FOREIGN KEY(name, version) REFERENCES model_versions (name, version)
);
INSERT INTO "aliases" VALUES('small','best',2,1795488566835);
INSERT INTO "aliases" VALUES('small','old',1,1795488566854);
CREATE TABLE analyses (
	"key" VARCHAR(64) NOT NULL, 
	kind TEXT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_analyses PRIMARY KEY ("key"), 
	CONSTRAINT fk_analyses_sha256 FOREIGN KEY(sha256) REFERENCES artifacts (sha256)
);
INSERT INTO "analyses" VALUES('5ac2c9b580ba7bde844e34f4e041753683f0dfdbdec4faa5671f50f448835307','sparsity','69a66e34130f3d361d225e2c8d66e37b7f5aef36a9ac94df195d716547a83a83',1795488566945);
INSERT INTO "analyses" VALUES('360ba30db95f239166cab2474baebecf7b2bfefa7c886fca96e0e910a2f80ee0','features','332a89a615d91438382abe9dee6e5f107f4a6076a0e13c6d5fe276e522341dac',1795488567017);
INSERT INTO "analyses" VALUES('85d628a1add2f9c83194359200bad168433eddd504b2d360c458c498e5d7d6b0','probe-codes','61471d2cf7ea4b900d9cc9a03e7f5130869b72026d9c52a5a2c382406dd5f8c0',1795488568158);
INSERT INTO "analyses" VALUES('bbf4b9a3f7c39de8baf0fb34b569804f14874b2808f7d9f6d68d995c8b7854a9','probe-inputs','1ea770672b27501401d1b0b68938c7f7f33916ca8132fb1419938d83b3d8f241',1795488568302);
INSERT INTO "analyses" VALUES('b9805b556bfab0ce591eec05642f2c3f8509595b479cf723a0c686027f5a8ab6','probe-pca','d856c478ae6518ef7c0993f9d4f8555fcabc2478ab7dab025cbf02427b290b03',1795488568427);
CREATE TABLE artifacts (
	sha256 VARCHAR(64) NOT NULL, 
	bytes BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	touched_at BIGINT NOT NULL, 
	CONSTRAINT pk_artifacts PRIMARY KEY (sha256), 
	CONSTRAINT ck_artifacts_sha256 CHECK (length(sha256) = 64), 
	CONSTRAINT ck_artifacts_bytes CHECK (bytes >= 0)
);
INSERT INTO "artifacts" VALUES('467388e8efbc21afa9298ca0f0be3b4a813936bcbd0ed03d10a86de3898b48c2',1496,1795488541906,1795488541906);
INSERT INTO "artifacts" VALUES('adad3943987583038162d4d55c8237c481f07af0d5bb47fea8c90686f009eeb5',1488,1795488541969,1795488541969);
INSERT INTO "artifacts" VALUES('1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',129864,1795488548777,1795488548777);
INSERT INTO "artifacts" VALUES('017aef6e0527ddf8225f0ff0b49247898a5ff1ed57a7751fbd5974ed1e4859ec',24696,1795488553264,1795488553264);
INSERT INTO "artifacts" VALUES('bdfb98fd7e3dd1d0aa691f165f27421bfff2d3aa519772b101b9b3db9cfcaa43',8616,1795488553285,1795488553286);
INSERT INTO "artifacts" VALUES('5af5f9f3819d646d35539055104a93febf91a4fd20c34783a792e16ae54b093e',24696,1795488556726,1795488556726);
INSERT INTO "artifacts" VALUES('0cd814af1682a2ec220af36ab8f36147aac7182df7afee4ff9d6ba907913894f',24696,1795488556729,1795488556729);
INSERT INTO "artifacts" VALUES('a7acff03d46621ed81a3031e14a982eef6e303e53b7e50d9808283a2ca76ec6e',8616,1795488556732,1795488556733);
INSERT INTO "artifacts" VALUES('e3a9534cd6c5a2144c4cc14faca0920a36670a10fdd43a395eb91cff3113cc81',24696,1795488558988,1795488558988);
INSERT INTO "artifacts" VALUES('9befe3418eb93a909e4fb93ac132663a01e444883a046ab38bc31a1c77d52f7c',8616,1795488558997,1795488558997);
INSERT INTO "artifacts" VALUES('5e0556bc297da1b95fd3d974c1d14820b3b476f141e7c406aa9763f4e7697b7b',48864,1795488561563,1795488561563);
INSERT INTO "artifacts" VALUES('8b5c35f9841502d69d96ec30c66d37d7d6ffbb60b7af4a6c6c59d6f0ceffd0f5',8616,1795488562200,1795488562202);
INSERT INTO "artifacts" VALUES('ee650421efd89a174a38be59432732842b4e29735c2e53e93b54d6a76d848216',8616,1795488562201,1795488562201);
INSERT INTO "artifacts" VALUES('b9cc9eab95f7dec8b60de39cec96ad22dfacb59183ae80dbce9a2ea4605ca8b5',4768,1795488566208,1795488566208);
INSERT INTO "artifacts" VALUES('69a66e34130f3d361d225e2c8d66e37b7f5aef36a9ac94df195d716547a83a83',3629,1795488566944,1795488566945);
INSERT INTO "artifacts" VALUES('332a89a615d91438382abe9dee6e5f107f4a6076a0e13c6d5fe276e522341dac',3856,1795488567016,1795488567017);
INSERT INTO "artifacts" VALUES('61471d2cf7ea4b900d9cc9a03e7f5130869b72026d9c52a5a2c382406dd5f8c0',221,1795488568158,1795488568158);
INSERT INTO "artifacts" VALUES('1ea770672b27501401d1b0b68938c7f7f33916ca8132fb1419938d83b3d8f241',224,1795488568302,1795488568302);
INSERT INTO "artifacts" VALUES('d856c478ae6518ef7c0993f9d4f8555fcabc2478ab7dab025cbf02427b290b03',220,1795488568427,1795488568427);
INSERT INTO "artifacts" VALUES('fd331fdfecccabe64e9a842220f78018f69033653aea0b485f7abfffc7570b1d',3951248,1795488574181,1795488574181);
INSERT INTO "artifacts" VALUES('bcc39ef105dc949ce682e5796b88a46489a24373926c061dfcd687bf80fd0741',3951248,1795488574190,1795488574190);
INSERT INTO "artifacts" VALUES('63501397de9fc7f9a3f65aee616fbcbb2fa2f1e18eabe2cd1d5aa57d91a157c4',3951248,1795488574195,1795488574195);
INSERT INTO "artifacts" VALUES('f4eeeb9c743435c8305685179cf84c4c8632528344791bdfbf2e2656b490497b',3951248,1795488574202,1795488574202);
INSERT INTO "artifacts" VALUES('f21713b3474dea555fcc0d71f599576fd40561f55c30402fbb7a942ba9d237b8',3951248,1795488575271,1795488575271);
INSERT INTO "artifacts" VALUES('66cecc5bde2df34290374ae707ed4401154c5c4891fa087aa7ef13964733bffa',3951248,1795488578631,1795488578631);
INSERT INTO "artifacts" VALUES('aef7265420e637833c7f3e14674ec97e5c50e2cd1a86201249c0dc495058fc46',3951248,1795488578635,1795488578635);
INSERT INTO "artifacts" VALUES('1d7942809905d2b5d7a28d923009ec55f940bea8ad4242d596019f5bb2ea24b3',3951248,1795488578637,1795488578637);
INSERT INTO "artifacts" VALUES('64913b78a5191d5e24851c4791b184e2a10f03c28e43a7bd1b09fe61d1bc6f12',3951248,1795488578640,1795488578640);
INSERT INTO "artifacts" VALUES('a46f9ea561ed3637049665fd969bedf93245a796ab2bd582f8fb2d39595a31b6',3951248,1795488579379,1795488579379);
INSERT INTO "artifacts" VALUES('c292b105b3146ad765fa295ac43de363c6cb9e2ad35d4390c02e06d20d19d6c4',3951248,1795488586584,1795488586584);
INSERT INTO "artifacts" VALUES('ce25e728d0962abb844fd9e2efd28c77d2f716a1f7951bc0e8e91be473b8d2be',3951248,1795488586596,1795488586596);
INSERT INTO "artifacts" VALUES('7326ca7c04912d049e05b6399e1dcca16a04a27cc492b1e9f77a3790eebb2245',3951248,1795488586599,1795488586599);
INSERT INTO "artifacts" VALUES('b108d0240e43fe25c4bd03507d17551dc1b23eb264b5f01940360e4ffefe3226',3951248,1795488587783,1795488587783);
INSERT INTO "artifacts" VALUES('9f28cf12402cee8ab8c0e2de1cc14830da6c4bb6709736264a321782e5d76482',3951248,1795488587788,1795488587788);
INSERT INTO "artifacts" VALUES('cf3d67548f7d0ca9ea8c151459f0593c94623169d4cd75ab5aa14f21c2c746ec',3951248,1795488587790,1795488587790);
INSERT INTO "artifacts" VALUES('f1810d69000bd265ef61fe660cff555fe1cb199d290dff5e36b6e0440cae6250',3951248,1795488587793,1795488587793);
INSERT INTO "artifacts" VALUES('1c08ce5b396470928e7cc83be606206bde4ddfa20a5b01745b50128175eb9002',3951248,1795488588990,1795488588990);
INSERT INTO "artifacts" VALUES('5111a5302896eae3bd07abe609327bb1dae0c2eff2c9203a55c519e661f79975',3951248,1795488589003,1795488589003);
INSERT INTO "artifacts" VALUES('4d93b68016d960378cb5b0355fc45c6fdc7b61133b23bed543f720d834a20440',3951248,1795488589016,1795488589016);
INSERT INTO "artifacts" VALUES('c10d68b70546477968ce2ea481d1228cc3eb223911a94c2693b8aa0ccf3958cb',3951248,1795488589024,1795488589024);
INSERT INTO "artifacts" VALUES('45dbfbb6903a698bb4e51668ecfcdb6316021dadf62cc5d0da66e572b17d4494',3951248,1795488590109,1795488590109);
INSERT INTO "artifacts" VALUES('fb6e494f005d5696ea09bd9edae844e07774d060e474fee0e2b153a9fef7bbf8',3951248,1795488590124,1795488590124);
INSERT INTO "artifacts" VALUES('970e600d4befe08e938d0b22856a407e8ea67414199ea515bbb5ae82014badfc',3951248,1795488590128,1795488590128);
INSERT INTO "artifacts" VALUES('8f06b6a74e495db428d8cd350da0a48569a3215a1dc22122b88cf99c18f6ff46',3951248,1795488590130,1795488590130);
INSERT INTO "artifacts" VALUES('02ae03d0cc727e228fdda16cc91471863720764766d3babc8bad22236ac8d69b',3951248,1795488591183,1795488591183);
INSERT INTO "artifacts" VALUES('75e13ad3ace72904a4c4856804e5367fe16660fd905111fe4289259414901d9c',3951248,1795488591190,1795488591190);
INSERT INTO "artifacts" VALUES('53496599e87f0c437ee6925b92cebe90954e9664f22f407444adad9a2d42c320',3951248,1795488591201,1795488591201);
INSERT INTO "artifacts" VALUES('b7b2c010cde9e3ecf2e629cd4a01694386c00c879ebca0b2e807646e6ea1ef69',1317472,1795488591632,1795488591634);
INSERT INTO "artifacts" VALUES('d01ce0ce01fd050b4f3ef310aae6961eb7ffe67ac38e34d23fabde3c58fcf640',3951240,1795488595259,1795488595259);
INSERT INTO "artifacts" VALUES('96fbb449fe03da784047a159f7cd61d55be571a9b394fdaea57a1ab2586a2698',3951240,1795488595271,1795488595271);
INSERT INTO "artifacts" VALUES('0063d3a99eb3bbf2865887d311128d5f1b80617b1a6214d8e12dbfb9c317cbb7',3951240,1795488595283,1795488595283);
INSERT INTO "artifacts" VALUES('86a592950faa5b3b14328db99f21f1c5eec0d1c9064a95c37eb1134962ff4769',3951240,1795488599393,1795488599393);
INSERT INTO "artifacts" VALUES('0c0130bfbba14be67c80720a0d11d1da4aed0a1c8a5fdbcaa70f1682d7433640',3951240,1795488599412,1795488599412);
INSERT INTO "artifacts" VALUES('b9f5123ac9102dcbae6318e94505d2463abedcc29bcfe59385f042b845aefe11',3951240,1795488599415,1795488599415);
INSERT INTO "artifacts" VALUES('0fa6ee459644c15848d3977bd6feef1c4e956c472e16d43e261632e2d6e91e2c',3951240,1795488600238,1795488600238);
INSERT INTO "artifacts" VALUES('67c16b5b9aab4ec587b2c7a5185cc8d89da9561e9e7356ec231b3f3299631a62',3951240,1795488600245,1795488600245);
INSERT INTO "artifacts" VALUES('61b38fd3c7d2a4d6f83bc77fc1e6fa95cb00670c0acaef3b282190db8f7ec77f',3951240,1795488603893,1795488603893);
INSERT INTO "artifacts" VALUES('63fe4eec5aa630e2411c0687b03a34cd9260145611ae12a238e12768fad76fb2',3951240,1795488603965,1795488603965);
INSERT INTO "artifacts" VALUES('b55869403dc384bfe5874279a43cf6b05c1dc326f3feaaa3027ebbffdacfb51b',3951240,1795488603975,1795488603975);
CREATE TABLE attempts (
	run_id VARCHAR(36) NOT NULL, 
	fence BIGINT NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker_id TEXT NOT NULL, 
	resumed_epoch INTEGER, 
	environment JSON, 
	started_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	outcome TEXT, 
	error_code TEXT, 
	error_detail TEXT, 
	CONSTRAINT pk_attempts PRIMARY KEY (run_id, fence), 
	CONSTRAINT fk_attempts_run_id FOREIGN KEY(run_id) REFERENCES runs (id), 
	CONSTRAINT ck_attempts_outcome CHECK (outcome IN ('succeeded', 'failed', 'released', 'stopped', 'cancelled', 'lost')), 
	CONSTRAINT ck_attempts_ended_at CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
INSERT INTO "attempts" VALUES('01a20b74-ed28-738b-8de3-993666e74ba5',1,1,'host-1-15231-01a20b74-f303-7485-aa79-d075c1c2f2fc',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488543564,1795488550736,'succeeded',NULL,NULL);
INSERT INTO "attempts" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade',1,1,'host-1-15231-01a20b74-f303-7485-aa79-d075c1c2f2fc',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488550741,1795488553303,'succeeded',NULL,NULL);
INSERT INTO "attempts" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',1,1,'host-1-15231-01a20b74-f303-7485-aa79-d075c1c2f2fc',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488553480,1795488556734,'succeeded',NULL,NULL);
INSERT INTO "attempts" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',1,1,'host-1-15231-01a20b74-f303-7485-aa79-d075c1c2f2fc',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488559006,1795488562203,'succeeded',NULL,NULL);
INSERT INTO "attempts" VALUES('01a20b75-3c50-7aad-afe8-07e5883a1af7',1,1,'host-1-15231-01a20b74-f303-7485-aa79-d075c1c2f2fc',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488563216,1795488566209,'succeeded',NULL,NULL);
INSERT INTO "attempts" VALUES('01a20b75-5499-7068-9d30-36011b6593b4',1,1,'host-1-15383-01a20b75-56d1-7417-81ec-ac3e58815c51',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488569070,1795488570949,'failed','TRAINING_DIVERGED','The loss was no longer a finite number in epoch 1: a smaller learning_rate may help.');
INSERT INTO "attempts" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',1,1,'host-1-15383-01a20b75-56d1-7417-81ec-ac3e58815c51',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488571957,1795488575278,'stopped',NULL,NULL);
INSERT INTO "attempts" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',1,1,'host-1-15383-01a20b75-56d1-7417-81ec-ac3e58815c51',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488576286,1795488579385,'stopped',NULL,NULL);
INSERT INTO "attempts" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',2,2,'host-1-15383-01a20b75-56d1-7417-81ec-ac3e58815c51',5,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488580392,1795488582133,'released',NULL,NULL);
INSERT INTO "attempts" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',3,3,'host-1-15498-01a20b75-8c36-74a0-b008-745ea28ca0bf',5,NULL,1795488582732,1795488583312,'lost','WORKER_LOST','The worker that had the run ended without a word, or was not heard of until its lease was over.');
INSERT INTO "attempts" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',5,4,'host-1-15505-01a20b75-8e71-7bc6-9ae3-a28081374abd',5,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488584305,1795488591642,'succeeded',NULL,NULL);
INSERT INTO "attempts" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',1,1,'host-1-15505-01a20b75-8e71-7bc6-9ae3-a28081374abd',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488592653,1795488595376,'failed','OUT_OF_MEMORY_OR_KILLED','The training process was killed from outside, most often because memory ran out.');
INSERT INTO "attempts" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',1,1,'host-1-15610-01a20b75-c154-7997-8f4d-2029e1992c6d',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488596355,1795488600253,'stopped',NULL,NULL);
INSERT INTO "attempts" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',1,1,'host-1-15610-01a20b75-c154-7997-8f4d-2029e1992c6d',NULL,'{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}',1795488601267,NULL,NULL,NULL,NULL);
CREATE TABLE checkpoints (
	run_id VARCHAR(36) NOT NULL, 
	epoch INTEGER NOT NULL, 
	fence BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	bytes BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_checkpoints PRIMARY KEY (run_id, epoch), 
	CONSTRAINT fk_checkpoints_run_id FOREIGN KEY(run_id) REFERENCES runs (id), 
	CONSTRAINT fk_checkpoints_sha256 FOREIGN KEY(sha256) REFERENCES artifacts (sha256), 
	CONSTRAINT ck_checkpoints_epoch CHECK (epoch >= 0)
);
INSERT INTO "checkpoints" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade',1,1,'017aef6e0527ddf8225f0ff0b49247898a5ff1ed57a7751fbd5974ed1e4859ec',24696,1795488553265);
INSERT INTO "checkpoints" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',1,1,'5af5f9f3819d646d35539055104a93febf91a4fd20c34783a792e16ae54b093e',24696,1795488556726);
INSERT INTO "checkpoints" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',2,1,'0cd814af1682a2ec220af36ab8f36147aac7182df7afee4ff9d6ba907913894f',24696,1795488556729);
INSERT INTO "checkpoints" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',1,1,'5e0556bc297da1b95fd3d974c1d14820b3b476f141e7c406aa9763f4e7697b7b',48864,1795488561563);
INSERT INTO "checkpoints" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',4,1,'f4eeeb9c743435c8305685179cf84c4c8632528344791bdfbf2e2656b490497b',3951248,1795488574202);
INSERT INTO "checkpoints" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',5,1,'f21713b3474dea555fcc0d71f599576fd40561f55c30402fbb7a942ba9d237b8',3951248,1795488575271);
INSERT INTO "checkpoints" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',22,5,'75e13ad3ace72904a4c4856804e5367fe16660fd905111fe4289259414901d9c',3951248,1795488591190);
INSERT INTO "checkpoints" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',23,5,'53496599e87f0c437ee6925b92cebe90954e9664f22f407444adad9a2d42c320',3951248,1795488591201);
INSERT INTO "checkpoints" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',2,1,'96fbb449fe03da784047a159f7cd61d55be571a9b394fdaea57a1ab2586a2698',3951240,1795488595271);
INSERT INTO "checkpoints" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',3,1,'0063d3a99eb3bbf2865887d311128d5f1b80617b1a6214d8e12dbfb9c317cbb7',3951240,1795488595283);
INSERT INTO "checkpoints" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',4,1,'0fa6ee459644c15848d3977bd6feef1c4e956c472e16d43e261632e2d6e91e2c',3951240,1795488600238);
INSERT INTO "checkpoints" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',5,1,'67c16b5b9aab4ec587b2c7a5185cc8d89da9561e9e7356ec231b3f3299631a62',3951240,1795488600245);
INSERT INTO "checkpoints" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',2,1,'63fe4eec5aa630e2411c0687b03a34cd9260145611ae12a238e12768fad76fb2',3951240,1795488603965);
INSERT INTO "checkpoints" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',3,1,'b55869403dc384bfe5874279a43cf6b05c1dc326f3feaaa3027ebbffdacfb51b',3951240,1795488603975);
CREATE TABLE datasets (
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	bytes BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	image_shape JSON, 
	n_inputs INTEGER NOT NULL, 
	classes JSON, 
	train_rows INTEGER NOT NULL, 
	test_rows INTEGER NOT NULL, 
	minimum DOUBLE, 
	maximum DOUBLE, 
	builtin BOOLEAN NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_datasets PRIMARY KEY (id), 
	CONSTRAINT uq_datasets_name UNIQUE (name), 
	CONSTRAINT fk_datasets_digest FOREIGN KEY(digest) REFERENCES artifacts (sha256), 
	CONSTRAINT ck_datasets_kind CHECK (kind IN ('images', 'vectors')), 
	CONSTRAINT ck_datasets_image_shape CHECK ((kind = 'images') = (image_shape IS NOT NULL)), 
	CONSTRAINT ck_datasets_counts CHECK (n_inputs > 0 AND train_rows > 0 AND test_rows >= 0)
);
INSERT INTO "datasets" VALUES('01a20b74-ecd2-7658-b6dc-fd81c0576432','noise','467388e8efbc21afa9298ca0f0be3b4a813936bcbd0ed03d10a86de3898b48c2',1496,'vectors',NULL,5,NULL,50,10,9.19759273529052734375e-04,9.9917608499526977539e-01,0,1795488541920);
INSERT INTO "datasets" VALUES('01a20b75-07a9-7f9f-90a4-601d6f406269','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',129864,'images','[1, 8, 8]',64,'["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]',1437,360,NULL,NULL,1,1795488548779);
CREATE TABLE idempotency_keys (
	"key" TEXT NOT NULL, 
	request_sha256 VARCHAR(64) NOT NULL, 
	run_id VARCHAR(36) NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_idempotency_keys PRIMARY KEY ("key"), 
	CONSTRAINT fk_idempotency_keys_run_id FOREIGN KEY(run_id) REFERENCES runs (id) DEFERRABLE INITIALLY DEFERRED
);
INSERT INTO "idempotency_keys" VALUES('the-first','890bda43f80c67b7d4efbbca19fa43e38ba95ac495ee2e669d09ad78d177fdad','01a20b74-ed4f-75dc-9b06-420e4764bade',1795488542033);
INSERT INTO "idempotency_keys" VALUES('the-interrupted','45baa0ffc4e1e9c1247c2827c79d6cb92bd7e843c7b47cd516c098fad83ae9f0','01a20b75-6f50-72d1-8d9c-db2cfef64601',1795488575313);
INSERT INTO "idempotency_keys" VALUES('the-last','f77fd33a47c98b2699852d5eafbd8cbc493b73387eec20ebcac6b81069dded24','01a20b75-df85-7b0a-af4a-c7b20cd37bb2',1795488604038);
CREATE TABLE model_versions (
	name VARCHAR(63) NOT NULL, 
	version INTEGER NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	run_id VARCHAR(36) NOT NULL, 
	member INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	dataset_name VARCHAR(63) NOT NULL, 
	dataset_digest VARCHAR(64) NOT NULL, 
	spec JSON NOT NULL, 
	spec_version INTEGER NOT NULL, 
	result JSON NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_model_versions PRIMARY KEY (name, version), 
	CONSTRAINT uq_model_versions_id UNIQUE (id), 
	CONSTRAINT uq_model_versions_run_id_member UNIQUE (run_id, member), 
	CONSTRAINT fk_model_versions_name FOREIGN KEY(name) REFERENCES models (name), 
	CONSTRAINT fk_model_versions_run_id FOREIGN KEY(run_id) REFERENCES runs (id), 
	CONSTRAINT fk_model_versions_digest FOREIGN KEY(digest) REFERENCES artifacts (sha256), 
	CONSTRAINT fk_model_versions_dataset_digest FOREIGN KEY(dataset_digest) REFERENCES artifacts (sha256), 
	CONSTRAINT ck_model_versions_version CHECK (version >= 1)
);
INSERT INTO "model_versions" VALUES('small',1,'01a20b75-1947-7bc1-b41e-336466232e15','01a20b74-ed4f-75dc-9b06-420e4764bade',0,'bdfb98fd7e3dd1d0aa691f165f27421bfff2d3aa519772b101b9b3db9cfcaa43','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08','{"kind": "train", "name": "small", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,'{"mse": 0.18215835633661667, "sse_row": 11.658134805543467, "explained_variance": -1.4976472514023942, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1822 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 0.07907430900013424, "rows_per_second": 35363.03017519093, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}',1795488553293);
INSERT INTO "model_versions" VALUES('small',2,'01a20b75-26bd-788a-b6c9-315130ac9a43','01a20b74-eeb6-7dcf-950d-e42e90389807',0,'a7acff03d46621ed81a3031e14a982eef6e303e53b7e50d9808283a2ca76ec6e','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08','{"kind": "train", "name": "small", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 3, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,'{"mse": 0.17891431113528797, "sse_row": 11.45051591265843, "explained_variance": -1.453166829293452, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1789 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 0.0878173790006258, "rows_per_second": 46267.68134182262, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}',1795488556733);
INSERT INTO "model_versions" VALUES('swept-0',1,'01a20b75-3c19-7c18-8809-edc7d6c77613','01a20b74-eec2-7bde-b284-018ec11ef354',0,'ee650421efd89a174a38be59432732842b4e29735c2e53e93b54d6a76d848216','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08','{"kind": "train", "name": "swept-0", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.1, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.001, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,'{"member": 0, "name": "swept-0", "varied": {"sparsity.weight": 0.001}, "reference": false, "n_latents": 8, "mse": 0.18194765356528883, "sse_row": 11.644649828178485, "explained_variance": -1.4947582200768292, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1819 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": {"mse": 0.18113799312667536, "explained_variance": -1.5484865713119627, "l0": 8.0, "num_samples": 143}, "overcomplete": false, "probe_accuracy": 0.5666666666666667, "probe_rows": 1294, "diverged": null, "seconds": 0.029396634499789798, "pareto": false, "suggested": false, "train_seconds": 0.029396634499789798, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}',1795488562202);
INSERT INTO "model_versions" VALUES('swept-1',1,'01a20b75-3c1a-7850-91f4-0fcd8f7ba7e4','01a20b74-eec2-7bde-b284-018ec11ef354',1,'8b5c35f9841502d69d96ec30c66d37d7d6ffbb60b7af4a6c6c59d6f0ceffd0f5','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08','{"kind": "train", "name": "swept-1", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.1, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.1, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,'{"member": 1, "name": "swept-1", "varied": {"sparsity.weight": 0.1}, "reference": false, "n_latents": 8, "mse": 0.18228061433412815, "sse_row": 11.665959317384202, "explained_variance": -1.4993235804909273, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1823 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": {"mse": 0.18146169983235805, "explained_variance": -1.5530409012912014, "l0": 8.0, "num_samples": 143}, "overcomplete": false, "probe_accuracy": 0.5916666666666667, "probe_rows": 1294, "diverged": null, "seconds": 0.029396634499789798, "pareto": false, "suggested": false, "train_seconds": 0.029396634499789798, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}',1795488562202);
INSERT INTO "model_versions" VALUES('interrupted',1,'01a20b75-af13-7242-b4b5-2e596243458c','01a20b75-6f50-72d1-8d9c-db2cfef64601',0,'b7b2c010cde9e3ecf2e629cd4a01694386c00c879ebca0b2e807646e6ea1ef69','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08','{"kind": "train", "name": "interrupted", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 24, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,'{"mse": 0.008312230312192317, "sse_row": 0.5319827399803083, "explained_variance": 0.8860276321668944, "l0": 1.788888888888889, "population_sparsity": 0.0069878472222222225, "lifetime_sparsity": 0.006987847222222222, "inactive_latents": 198, "dead_latents": 109, "num_samples": 360, "threshold": 0.1, "collapsed": false, "collapsed_reason": null, "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 6.5620209489970875, "rows_per_second": 5037.788766657831, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}',1795488591637);
CREATE TABLE models (
	name VARCHAR(63) NOT NULL, 
	last_version INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_models PRIMARY KEY (name), 
	CONSTRAINT ck_models_name CHECK (name <> 'stats'), 
	CONSTRAINT ck_models_last_version CHECK (last_version >= 1)
);
INSERT INTO "models" VALUES('small',2,1795488553287);
INSERT INTO "models" VALUES('gone',1,1795488558997);
INSERT INTO "models" VALUES('swept-0',1,1795488562201);
INSERT INTO "models" VALUES('swept-1',1,1795488562202);
INSERT INTO "models" VALUES('interrupted',1,1795488591635);
CREATE TABLE run_events (
	run_id VARCHAR(36) NOT NULL, 
	seq BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	type TEXT NOT NULL, 
	data JSON NOT NULL, 
	CONSTRAINT pk_run_events PRIMARY KEY (run_id, seq), 
	CONSTRAINT fk_run_events_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "run_events" VALUES('01a20b74-ed28-738b-8de3-993666e74ba5',1,1795488542003,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade',1,1795488542384,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',1,1795488542393,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',1,1795488542404,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b74-ed28-738b-8de3-993666e74ba5',2,1795488543565,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b74-ed28-738b-8de3-993666e74ba5',3,1795488550736,'succeeded','{"attempt": 1, "reason": "succeeded"}');
INSERT INTO "run_events" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade',2,1795488550742,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade',3,1795488553251,'metrics','{"after": 0, "epoch": 2}');
INSERT INTO "run_events" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade',4,1795488553266,'checkpoint','{"epoch": 1, "digest": "017aef6e0527ddf8225f0ff0b49247898a5ff1ed57a7751fbd5974ed1e4859ec"}');
INSERT INTO "run_events" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade',5,1795488553312,'succeeded','{"attempt": 1, "reason": "succeeded"}');
INSERT INTO "run_events" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',2,1795488553481,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',3,1795488556725,'metrics','{"after": 0, "epoch": 3}');
INSERT INTO "run_events" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',4,1795488556726,'checkpoint','{"epoch": 1, "digest": "5af5f9f3819d646d35539055104a93febf91a4fd20c34783a792e16ae54b093e"}');
INSERT INTO "run_events" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',5,1795488556729,'checkpoint','{"epoch": 2, "digest": "0cd814af1682a2ec220af36ab8f36147aac7182df7afee4ff9d6ba907913894f"}');
INSERT INTO "run_events" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',6,1795488556735,'succeeded','{"attempt": 1, "reason": "succeeded"}');
INSERT INTO "run_events" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',2,1795488559007,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',3,1795488561562,'metrics','{"after": 0, "epoch": 2}');
INSERT INTO "run_events" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',4,1795488561563,'checkpoint','{"epoch": 1, "digest": "5e0556bc297da1b95fd3d974c1d14820b3b476f141e7c406aa9763f4e7697b7b"}');
INSERT INTO "run_events" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',5,1795488562204,'succeeded','{"attempt": 1, "reason": "succeeded"}');
INSERT INTO "run_events" VALUES('01a20b75-3c50-7aad-afe8-07e5883a1af7',1,1795488562258,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b75-3c50-7aad-afe8-07e5883a1af7',2,1795488563216,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b75-3c50-7aad-afe8-07e5883a1af7',3,1795488566210,'succeeded','{"attempt": 1, "reason": "succeeded"}');
INSERT INTO "run_events" VALUES('01a20b75-5487-7098-b19a-cec4202ceb03',1,1795488568456,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b75-5487-7098-b19a-cec4202ceb03',2,1795488568465,'cancelled','{"reason": "asked"}');
INSERT INTO "run_events" VALUES('01a20b75-5499-7068-9d30-36011b6593b4',1,1795488568474,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b75-5499-7068-9d30-36011b6593b4',2,1795488569073,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b75-5499-7068-9d30-36011b6593b4',3,1795488570950,'failed','{"attempt": 1, "reason": "failed", "code": "TRAINING_DIVERGED", "detail": "The loss was no longer a finite number in epoch 1: a smaller learning_rate may help."}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',1,1795488570974,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',2,1795488571958,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',3,1795488574178,'metrics','{"after": 0, "epoch": 4}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',4,1795488574182,'checkpoint','{"epoch": 1, "digest": "fd331fdfecccabe64e9a842220f78018f69033653aea0b485f7abfffc7570b1d"}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',5,1795488574191,'checkpoint','{"epoch": 2, "digest": "bcc39ef105dc949ce682e5796b88a46489a24373926c061dfcd687bf80fd0741"}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',6,1795488574200,'checkpoint','{"epoch": 3, "digest": "63501397de9fc7f9a3f65aee616fbcbb2fa2f1e18eabe2cd1d5aa57d91a157c4"}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',7,1795488574203,'checkpoint','{"epoch": 4, "digest": "f4eeeb9c743435c8305685179cf84c4c8632528344791bdfbf2e2656b490497b"}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',8,1795488574360,'stop_requested','{"wish": "cancel"}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',9,1795488575270,'metrics','{"after": 4, "epoch": 5}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',10,1795488575273,'checkpoint','{"epoch": 5, "digest": "f21713b3474dea555fcc0d71f599576fd40561f55c30402fbb7a942ba9d237b8"}');
INSERT INTO "run_events" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',11,1795488575279,'cancelled','{"attempt": 1, "reason": "stopped"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',1,1795488575315,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',2,1795488576287,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',3,1795488578630,'metrics','{"after": 0, "epoch": 4}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',4,1795488578633,'checkpoint','{"epoch": 1, "digest": "66cecc5bde2df34290374ae707ed4401154c5c4891fa087aa7ef13964733bffa"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',5,1795488578636,'checkpoint','{"epoch": 2, "digest": "aef7265420e637833c7f3e14674ec97e5c50e2cd1a86201249c0dc495058fc46"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',6,1795488578638,'checkpoint','{"epoch": 3, "digest": "1d7942809905d2b5d7a28d923009ec55f940bea8ad4242d596019f5bb2ea24b3"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',7,1795488578640,'checkpoint','{"epoch": 4, "digest": "64913b78a5191d5e24851c4791b184e2a10f03c28e43a7bd1b09fe61d1bc6f12"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',8,1795488578682,'stop_requested','{"wish": "pause"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',9,1795488579378,'metrics','{"after": 4, "epoch": 5}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',10,1795488579379,'checkpoint','{"epoch": 5, "digest": "a46f9ea561ed3637049665fd969bedf93245a796ab2bd582f8fb2d39595a31b6"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',11,1795488579385,'paused','{"attempt": 1, "reason": "stopped"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',12,1795488579396,'queued','{"reason": "resumed"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',13,1795488580393,'running','{"reason": "claimed", "attempt": 2, "epoch": 5}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',14,1795488582133,'queued','{"attempt": 2, "reason": "released"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',15,1795488582735,'running','{"reason": "claimed", "attempt": 3, "epoch": 5}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',16,1795488583314,'queued','{"attempt": 3, "reason": "lost", "code": "WORKER_LOST", "detail": "The worker that had the run ended without a word, or was not heard of until its lease was over.", "available_at": "2026-11-24T02:49:39.395000+00:00"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',17,1795488584307,'running','{"reason": "claimed", "attempt": 4, "epoch": 5}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',18,1795488586574,'metrics','{"after": 5, "epoch": 8}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',19,1795488586585,'checkpoint','{"epoch": 6, "digest": "c292b105b3146ad765fa295ac43de363c6cb9e2ad35d4390c02e06d20d19d6c4"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',20,1795488586597,'checkpoint','{"epoch": 7, "digest": "ce25e728d0962abb844fd9e2efd28c77d2f716a1f7951bc0e8e91be473b8d2be"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',21,1795488586599,'checkpoint','{"epoch": 8, "digest": "7326ca7c04912d049e05b6399e1dcca16a04a27cc492b1e9f77a3790eebb2245"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',22,1795488587782,'metrics','{"after": 8, "epoch": 12}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',23,1795488587784,'checkpoint','{"epoch": 9, "digest": "b108d0240e43fe25c4bd03507d17551dc1b23eb264b5f01940360e4ffefe3226"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',24,1795488587788,'checkpoint','{"epoch": 10, "digest": "9f28cf12402cee8ab8c0e2de1cc14830da6c4bb6709736264a321782e5d76482"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',25,1795488587791,'checkpoint','{"epoch": 11, "digest": "cf3d67548f7d0ca9ea8c151459f0593c94623169d4cd75ab5aa14f21c2c746ec"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',26,1795488587793,'checkpoint','{"epoch": 12, "digest": "f1810d69000bd265ef61fe660cff555fe1cb199d290dff5e36b6e0440cae6250"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',27,1795488588989,'metrics','{"after": 12, "epoch": 16}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',28,1795488588991,'checkpoint','{"epoch": 13, "digest": "1c08ce5b396470928e7cc83be606206bde4ddfa20a5b01745b50128175eb9002"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',29,1795488589009,'checkpoint','{"epoch": 14, "digest": "5111a5302896eae3bd07abe609327bb1dae0c2eff2c9203a55c519e661f79975"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',30,1795488589017,'checkpoint','{"epoch": 15, "digest": "4d93b68016d960378cb5b0355fc45c6fdc7b61133b23bed543f720d834a20440"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',31,1795488589025,'checkpoint','{"epoch": 16, "digest": "c10d68b70546477968ce2ea481d1228cc3eb223911a94c2693b8aa0ccf3958cb"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',32,1795488590106,'metrics','{"after": 16, "epoch": 20}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',33,1795488590109,'checkpoint','{"epoch": 17, "digest": "45dbfbb6903a698bb4e51668ecfcdb6316021dadf62cc5d0da66e572b17d4494"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',34,1795488590125,'checkpoint','{"epoch": 18, "digest": "fb6e494f005d5696ea09bd9edae844e07774d060e474fee0e2b153a9fef7bbf8"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',35,1795488590128,'checkpoint','{"epoch": 19, "digest": "970e600d4befe08e938d0b22856a407e8ea67414199ea515bbb5ae82014badfc"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',36,1795488590131,'checkpoint','{"epoch": 20, "digest": "8f06b6a74e495db428d8cd350da0a48569a3215a1dc22122b88cf99c18f6ff46"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',37,1795488591182,'metrics','{"after": 20, "epoch": 24}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',38,1795488591188,'checkpoint','{"epoch": 21, "digest": "02ae03d0cc727e228fdda16cc91471863720764766d3babc8bad22236ac8d69b"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',39,1795488591191,'checkpoint','{"epoch": 22, "digest": "75e13ad3ace72904a4c4856804e5367fe16660fd905111fe4289259414901d9c"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',40,1795488591201,'checkpoint','{"epoch": 23, "digest": "53496599e87f0c437ee6925b92cebe90954e9664f22f407444adad9a2d42c320"}');
INSERT INTO "run_events" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',41,1795488591643,'succeeded','{"attempt": 4, "reason": "succeeded"}');
INSERT INTO "run_events" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',1,1795488591701,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',2,1795488592654,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',3,1795488595258,'metrics','{"after": 0, "epoch": 3}');
INSERT INTO "run_events" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',4,1795488595268,'checkpoint','{"epoch": 1, "digest": "d01ce0ce01fd050b4f3ef310aae6961eb7ffe67ac38e34d23fabde3c58fcf640"}');
INSERT INTO "run_events" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',5,1795488595280,'checkpoint','{"epoch": 2, "digest": "96fbb449fe03da784047a159f7cd61d55be571a9b394fdaea57a1ab2586a2698"}');
INSERT INTO "run_events" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',6,1795488595284,'checkpoint','{"epoch": 3, "digest": "0063d3a99eb3bbf2865887d311128d5f1b80617b1a6214d8e12dbfb9c317cbb7"}');
INSERT INTO "run_events" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',7,1795488595377,'queued','{"attempt": 1, "reason": "failed", "code": "OUT_OF_MEMORY_OR_KILLED", "detail": "The training process was killed from outside, most often because memory ran out.", "available_at": "2026-11-24T02:50:05.673000+00:00"}');
INSERT INTO "run_events" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',8,1795488595387,'paused','{"reason": "asked"}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',1,1795488595727,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',2,1795488596357,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',3,1795488599386,'metrics','{"after": 0, "epoch": 3}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',4,1795488599395,'checkpoint','{"epoch": 1, "digest": "86a592950faa5b3b14328db99f21f1c5eec0d1c9064a95c37eb1134962ff4769"}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',5,1795488599413,'checkpoint','{"epoch": 2, "digest": "0c0130bfbba14be67c80720a0d11d1da4aed0a1c8a5fdbcaa70f1682d7433640"}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',6,1795488599420,'checkpoint','{"epoch": 3, "digest": "b9f5123ac9102dcbae6318e94505d2463abedcc29bcfe59385f042b845aefe11"}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',7,1795488599456,'stop_requested','{"wish": "pause"}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',8,1795488600237,'metrics','{"after": 3, "epoch": 5}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',9,1795488600239,'checkpoint','{"epoch": 4, "digest": "0fa6ee459644c15848d3977bd6feef1c4e956c472e16d43e261632e2d6e91e2c"}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',10,1795488600245,'checkpoint','{"epoch": 5, "digest": "67c16b5b9aab4ec587b2c7a5185cc8d89da9561e9e7356ec231b3f3299631a62"}');
INSERT INTO "run_events" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',11,1795488600254,'paused','{"attempt": 1, "reason": "stopped"}');
INSERT INTO "run_events" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',1,1795488600282,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',2,1795488601268,'running','{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO "run_events" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',3,1795488603892,'metrics','{"after": 0, "epoch": 4}');
INSERT INTO "run_events" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',4,1795488603894,'checkpoint','{"epoch": 1, "digest": "61b38fd3c7d2a4d6f83bc77fc1e6fa95cb00670c0acaef3b282190db8f7ec77f"}');
INSERT INTO "run_events" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',5,1795488603966,'checkpoint','{"epoch": 2, "digest": "63fe4eec5aa630e2411c0687b03a34cd9260145611ae12a238e12768fad76fb2"}');
INSERT INTO "run_events" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',6,1795488603975,'checkpoint','{"epoch": 3, "digest": "b55869403dc384bfe5874279a43cf6b05c1dc326f3feaaa3027ebbffdacfb51b"}');
INSERT INTO "run_events" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',7,1795488604034,'stop_requested','{"wish": "pause"}');
INSERT INTO "run_events" VALUES('01a20b75-df85-7b0a-af4a-c7b20cd37bb2',1,1795488604040,'queued','{"reason": "created"}');
INSERT INTO "run_events" VALUES('01a20b75-df8c-77a3-9e60-3b4aaeff9a21',1,1795488604046,'queued','{"reason": "created"}');
CREATE TABLE run_inputs (
	run_id VARCHAR(36) NOT NULL, 
	role TEXT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_run_inputs PRIMARY KEY (run_id, role), 
	CONSTRAINT fk_run_inputs_run_id FOREIGN KEY(run_id) REFERENCES runs (id), 
	CONSTRAINT fk_run_inputs_sha256 FOREIGN KEY(sha256) REFERENCES artifacts (sha256)
);
INSERT INTO "run_inputs" VALUES('01a20b74-ed28-738b-8de3-993666e74ba5','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO "run_inputs" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO "run_inputs" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO "run_inputs" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO "run_inputs" VALUES('01a20b75-3c50-7aad-afe8-07e5883a1af7','model','bdfb98fd7e3dd1d0aa691f165f27421bfff2d3aa519772b101b9b3db9cfcaa43');
INSERT INTO "run_inputs" VALUES('01a20b75-3c50-7aad-afe8-07e5883a1af7','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO "run_inputs" VALUES('01a20b75-5499-7068-9d30-36011b6593b4','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO "run_inputs" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO "run_inputs" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO "run_inputs" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO "run_inputs" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO "run_inputs" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f','dataset','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
CREATE TABLE run_metrics (
	run_id VARCHAR(36) NOT NULL, 
	member INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	record JSON NOT NULL, 
	CONSTRAINT pk_run_metrics PRIMARY KEY (run_id, member, epoch), 
	CONSTRAINT fk_run_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "run_metrics" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade',0,1,'{"loss": 0.22882082525321257, "reconstruction": 0.18555731574694315, "sparsity": 4.326350950626943, "test_mse": 0.18567498485612677, "explained_variance": -1.5458651741625595, "l0": 8.0, "dead_latents": 0, "seconds": 0.05842887699691346}');
INSERT INTO "run_metrics" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade',0,2,'{"loss": 0.2239605600358228, "reconstruction": 0.1817069724202156, "sparsity": 4.2253587615607175, "test_mse": 0.18215835633661667, "explained_variance": -1.4976472514023942, "l0": 8.0, "dead_latents": 0, "seconds": 0.020645432003220776}');
INSERT INTO "run_metrics" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',0,1,'{"loss": 0.22882082525321257, "reconstruction": 0.18555731574694315, "sparsity": 4.326350950626943, "test_mse": 0.18567498485612677, "explained_variance": -1.5458651741625595, "l0": 8.0, "dead_latents": 0, "seconds": 0.06381266600146773}');
INSERT INTO "run_metrics" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',0,2,'{"loss": 0.2239605600358228, "reconstruction": 0.1817069724202156, "sparsity": 4.2253587615607175, "test_mse": 0.18215835633661667, "explained_variance": -1.4976472514023942, "l0": 8.0, "dead_latents": 0, "seconds": 0.015595520999340806}');
INSERT INTO "run_metrics" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807',0,3,'{"loss": 0.21937424759014984, "reconstruction": 0.17842281113068262, "sparsity": 4.095143645946721, "test_mse": 0.17891431113528797, "explained_variance": -1.453166829293452, "l0": 8.0, "dead_latents": 0, "seconds": 0.008409191999817267}');
INSERT INTO "run_metrics" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',0,1,'{"loss": 0.19022153164873734, "reconstruction": 0.18587650110324225, "sparsity": 4.345030545495098, "test_mse": 0.1855635834615227, "explained_variance": -1.5443377043685245, "l0": 8.0, "dead_latents": 0, "seconds": 0.023792851499820244}');
INSERT INTO "run_metrics" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',1,1,'{"loss": 0.6186553760527529, "reconstruction": 0.1859433650970459, "sparsity": 4.32712010955707, "test_mse": 0.1857383066918023, "explained_variance": -1.5467334055849844, "l0": 8.0, "dead_latents": 0, "seconds": 0.023792851499820244}');
INSERT INTO "run_metrics" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',0,2,'{"loss": 0.18513130117121215, "reconstruction": 0.18084951490163803, "sparsity": 4.281786269574131, "test_mse": 0.18194765356528883, "explained_variance": -1.4947582200768292, "l0": 8.0, "dead_latents": 0, "seconds": 0.005603782999969553}');
INSERT INTO "run_metrics" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354',1,2,'{"loss": 0.6031768606640436, "reconstruction": 0.18108678112427393, "sparsity": 4.2209007953976965, "test_mse": 0.18228061433412815, "explained_variance": -1.4993235804909273, "l0": 8.0, "dead_latents": 0, "seconds": 0.005603782999969553}');
INSERT INTO "run_metrics" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',0,1,'{"loss": 0.11314407894537717, "reconstruction": 0.07833153451275494, "sparsity": 3.4812544432622223, "test_mse": 0.07307567102113348, "explained_variance": -0.001970222727744275, "l0": 1.9972222222222222, "dead_latents": 0, "seconds": 0.21928566199858324}');
INSERT INTO "run_metrics" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',0,2,'{"loss": 0.06878332243869512, "reconstruction": 0.06601881581462092, "sparsity": 0.2764506624074191, "test_mse": 0.054255462111053525, "explained_variance": 0.25608131001783896, "l0": 12.605555555555556, "dead_latents": 6, "seconds": 0.21072658699995372}');
INSERT INTO "run_metrics" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',0,3,'{"loss": 0.051039139296238, "reconstruction": 0.04710804962346123, "sparsity": 0.39310896727767636, "test_mse": 0.040663786994782576, "explained_variance": 0.4424422910829965, "l0": 14.702777777777778, "dead_latents": 1, "seconds": 0.23060302099838736}');
INSERT INTO "run_metrics" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',0,4,'{"loss": 0.04023236415778906, "reconstruction": 0.0363363488836007, "sparsity": 0.3896015274188364, "test_mse": 0.03385890109476964, "explained_variance": 0.5357468471082296, "l0": 10.613888888888889, "dead_latents": 6, "seconds": 0.22545388200160232}');
INSERT INTO "run_metrics" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4',0,5,'{"loss": 0.03431603709106537, "reconstruction": 0.03088961132388148, "sparsity": 0.34264257671838927, "test_mse": 0.0293800704392562, "explained_variance": 0.5971579143862409, "l0": 10.094444444444445, "dead_latents": 8, "seconds": 0.24074787300196476}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,1,'{"loss": 0.11314407894537717, "reconstruction": 0.07833153451275494, "sparsity": 3.4812544432622223, "test_mse": 0.07307567102113348, "explained_variance": -0.001970222727744275, "l0": 1.9972222222222222, "dead_latents": 0, "seconds": 0.22935067399885156}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,2,'{"loss": 0.06878332243869512, "reconstruction": 0.06601881581462092, "sparsity": 0.2764506624074191, "test_mse": 0.054255462111053525, "explained_variance": 0.25608131001783896, "l0": 12.605555555555556, "dead_latents": 6, "seconds": 0.21962023100059014}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,3,'{"loss": 0.051039139296238, "reconstruction": 0.04710804962346123, "sparsity": 0.39310896727767636, "test_mse": 0.040663786994782576, "explained_variance": 0.4424422910829965, "l0": 14.702777777777778, "dead_latents": 1, "seconds": 0.23813617799896747}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,4,'{"loss": 0.04023236415778906, "reconstruction": 0.0363363488836007, "sparsity": 0.3896015274188364, "test_mse": 0.03385890109476964, "explained_variance": 0.5357468471082296, "l0": 10.613888888888889, "dead_latents": 6, "seconds": 0.2342931650018727}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,5,'{"loss": 0.03431603709106537, "reconstruction": 0.03088961132388148, "sparsity": 0.34264257671838927, "test_mse": 0.0293800704392562, "explained_variance": 0.5971579143862409, "l0": 10.094444444444445, "dead_latents": 8, "seconds": 0.22612857799686026}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,6,'{"loss": 0.030363604456099706, "reconstruction": 0.026952129597258238, "sparsity": 0.3411474858841467, "test_mse": 0.027265915442748413, "explained_variance": 0.626145952718715, "l0": 8.747222222222222, "dead_latents": 7, "seconds": 0.2451435289985966}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,7,'{"loss": 0.02724256601396215, "reconstruction": 0.02412346737045381, "sparsity": 0.31190986435083395, "test_mse": 0.023764072658839463, "explained_variance": 0.6741611422492506, "l0": 9.075, "dead_latents": 15, "seconds": 0.2550362440015306}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,8,'{"loss": 0.023497887997619194, "reconstruction": 0.020469478980845047, "sparsity": 0.30284090167741484, "test_mse": 0.020145721703848596, "explained_variance": 0.7237738226614613, "l0": 8.91388888888889, "dead_latents": 9, "seconds": 0.32798466000167537}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,9,'{"loss": 0.020701110323872743, "reconstruction": 0.01773396912806978, "sparsity": 0.29671411958029625, "test_mse": 0.018522473994667093, "explained_variance": 0.746030831676685, "l0": 8.780555555555555, "dead_latents": 12, "seconds": 0.30912875200010603}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,10,'{"loss": 0.018537779178139528, "reconstruction": 0.015575690342423816, "sparsity": 0.296208883571571, "test_mse": 0.016760596938560385, "explained_variance": 0.7701886440054367, "l0": 4.413888888888889, "dead_latents": 48, "seconds": 0.2949221529997885}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,11,'{"loss": 0.01672799016086094, "reconstruction": 0.014039632617237254, "sparsity": 0.2688357543623686, "test_mse": 0.014520986465201632, "explained_variance": 0.8008968533650974, "l0": 6.566666666666666, "dead_latents": 16, "seconds": 0.27256704100000206}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,12,'{"loss": 0.015177865683566827, "reconstruction": 0.01267917121294886, "sparsity": 0.24986944706179667, "test_mse": 0.013796914530691328, "explained_variance": 0.8108248979160997, "l0": 4.852777777777778, "dead_latents": 30, "seconds": 0.289740083997458}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,13,'{"loss": 0.014300379431067246, "reconstruction": 0.011843447733877435, "sparsity": 0.24569316971898109, "test_mse": 0.01352236527762458, "explained_variance": 0.8145893542994762, "l0": 4.886111111111111, "dead_latents": 32, "seconds": 0.3053292650001822}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,14,'{"loss": 0.013532449273553683, "reconstruction": 0.011277474891135677, "sparsity": 0.22549743824180074, "test_mse": 0.012591166009136893, "explained_variance": 0.8273574059015023, "l0": 4.508333333333334, "dead_latents": 47, "seconds": 0.3344468830000551}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,15,'{"loss": 0.012783191700304187, "reconstruction": 0.010636163875460625, "sparsity": 0.2147027824843562, "test_mse": 0.01168381980837097, "explained_variance": 0.8397983983983031, "l0": 3.361111111111111, "dead_latents": 62, "seconds": 0.2837925940002606}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,16,'{"loss": 0.0121226861661808, "reconstruction": 0.010058313547374888, "sparsity": 0.20643726188059128, "test_mse": 0.011437936184741612, "explained_variance": 0.8431698086869854, "l0": 3.941666666666667, "dead_latents": 56, "seconds": 0.30033170100068673}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,17,'{"loss": 0.011580776980216903, "reconstruction": 0.009595001779962331, "sparsity": 0.19857752002545723, "test_mse": 0.011377927380618933, "explained_variance": 0.8439926137874003, "l0": 2.5694444444444446, "dead_latents": 88, "seconds": 0.3044146210013423}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,18,'{"loss": 0.010844432382964366, "reconstruction": 0.008972823754366902, "sparsity": 0.18716086285974648, "test_mse": 0.010643024772813243, "explained_variance": 0.8540691621014529, "l0": 2.827777777777778, "dead_latents": 84, "seconds": 0.37086222200014163}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,19,'{"loss": 0.01061609020122375, "reconstruction": 0.008764934541088426, "sparsity": 0.18511556601353232, "test_mse": 0.010386943019426014, "explained_variance": 0.8575804030916822, "l0": 4.138888888888889, "dead_latents": 55, "seconds": 0.24291187999915564}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,20,'{"loss": 0.01014804484444859, "reconstruction": 0.00835852571633748, "sparsity": 0.17895191281111095, "test_mse": 0.01040116413970944, "explained_variance": 0.8573854115321288, "l0": 3.0944444444444446, "dead_latents": 71, "seconds": 0.23745739500009222}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,21,'{"loss": 0.010161364695640366, "reconstruction": 0.008386878047086712, "sparsity": 0.1774486648553654, "test_mse": 0.009399429007172527, "explained_variance": 0.871120609031334, "l0": 3.6333333333333333, "dead_latents": 56, "seconds": 0.2825572410001769}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,22,'{"loss": 0.00950755452689764, "reconstruction": 0.007803026121109724, "sparsity": 0.17045284057879162, "test_mse": 0.008880008216802241, "explained_variance": 0.8782425985764758, "l0": 2.313888888888889, "dead_latents": 96, "seconds": 0.2447280390006199}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,23,'{"loss": 0.0088443694206394, "reconstruction": 0.007225379692519912, "sparsity": 0.1618989728119487, "test_mse": 0.008762427932788181, "explained_variance": 0.8798547896342616, "l0": 1.7944444444444445, "dead_latents": 114, "seconds": 0.26290674199844943}');
INSERT INTO "run_metrics" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601',0,24,'{"loss": 0.008861783464890386, "reconstruction": 0.007203594665043056, "sparsity": 0.16581887998473296, "test_mse": 0.008312230312192317, "explained_variance": 0.8860276321668944, "l0": 1.788888888888889, "dead_latents": 109, "seconds": 0.25023107699962566}');
INSERT INTO "run_metrics" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',0,1,'{"loss": 0.11314407894537717, "reconstruction": 0.07833153451275494, "sparsity": 3.4812544432622223, "test_mse": 0.07307567102113348, "explained_variance": -0.001970222727744275, "l0": 1.9972222222222222, "dead_latents": 0, "seconds": 0.2956883059996471}');
INSERT INTO "run_metrics" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',0,2,'{"loss": 0.06878332243869512, "reconstruction": 0.06601881581462092, "sparsity": 0.2764506624074191, "test_mse": 0.054255462111053525, "explained_variance": 0.25608131001783896, "l0": 12.605555555555556, "dead_latents": 6, "seconds": 0.2933669029989687}');
INSERT INTO "run_metrics" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5',0,3,'{"loss": 0.051039139296238, "reconstruction": 0.04710804962346123, "sparsity": 0.39310896727767636, "test_mse": 0.040663786994782576, "explained_variance": 0.4424422910829965, "l0": 14.702777777777778, "dead_latents": 1, "seconds": 0.2989655640012643}');
INSERT INTO "run_metrics" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',0,1,'{"loss": 0.11314407894537717, "reconstruction": 0.07833153451275494, "sparsity": 3.4812544432622223, "test_mse": 0.07307567102113348, "explained_variance": -0.001970222727744275, "l0": 1.9972222222222222, "dead_latents": 0, "seconds": 0.26206419599839137}');
INSERT INTO "run_metrics" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',0,2,'{"loss": 0.06878332243869512, "reconstruction": 0.06601881581462092, "sparsity": 0.2764506624074191, "test_mse": 0.054255462111053525, "explained_variance": 0.25608131001783896, "l0": 12.605555555555556, "dead_latents": 6, "seconds": 0.2681189809991338}');
INSERT INTO "run_metrics" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',0,3,'{"loss": 0.051039139296238, "reconstruction": 0.04710804962346123, "sparsity": 0.39310896727767636, "test_mse": 0.040663786994782576, "explained_variance": 0.4424422910829965, "l0": 14.702777777777778, "dead_latents": 1, "seconds": 0.2591133099995204}');
INSERT INTO "run_metrics" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',0,4,'{"loss": 0.04023236415778906, "reconstruction": 0.0363363488836007, "sparsity": 0.3896015274188364, "test_mse": 0.03385890109476964, "explained_variance": 0.5357468471082296, "l0": 10.613888888888889, "dead_latents": 6, "seconds": 0.3332768690015655}');
INSERT INTO "run_metrics" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68',0,5,'{"loss": 0.03431603709106537, "reconstruction": 0.03088961132388148, "sparsity": 0.34264257671838927, "test_mse": 0.0293800704392562, "explained_variance": 0.5971579143862409, "l0": 10.094444444444445, "dead_latents": 8, "seconds": 0.2810221360014111}');
INSERT INTO "run_metrics" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',0,1,'{"loss": 0.11314407894537717, "reconstruction": 0.07833153451275494, "sparsity": 3.4812544432622223, "test_mse": 0.07307567102113348, "explained_variance": -0.001970222727744275, "l0": 1.9972222222222222, "dead_latents": 0, "seconds": 0.2442632610000146}');
INSERT INTO "run_metrics" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',0,2,'{"loss": 0.06878332243869512, "reconstruction": 0.06601881581462092, "sparsity": 0.2764506624074191, "test_mse": 0.054255462111053525, "explained_variance": 0.25608131001783896, "l0": 12.605555555555556, "dead_latents": 6, "seconds": 0.2500653640017845}');
INSERT INTO "run_metrics" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',0,3,'{"loss": 0.051039139296238, "reconstruction": 0.04710804962346123, "sparsity": 0.39310896727767636, "test_mse": 0.040663786994782576, "explained_variance": 0.4424422910829965, "l0": 14.702777777777778, "dead_latents": 1, "seconds": 0.25045568700079457}');
INSERT INTO "run_metrics" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f',0,4,'{"loss": 0.04023236415778906, "reconstruction": 0.0363363488836007, "sparsity": 0.3896015274188364, "test_mse": 0.03385890109476964, "explained_variance": 0.5357468471082296, "l0": 10.613888888888889, "dead_latents": 6, "seconds": 0.27541013099835254}');
CREATE TABLE run_outputs (
	run_id VARCHAR(36) NOT NULL, 
	role TEXT NOT NULL, 
	member INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_run_outputs PRIMARY KEY (run_id, role, member), 
	CONSTRAINT fk_run_outputs_run_id FOREIGN KEY(run_id) REFERENCES runs (id), 
	CONSTRAINT fk_run_outputs_sha256 FOREIGN KEY(sha256) REFERENCES artifacts (sha256)
);
INSERT INTO "run_outputs" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade','weights',0,'bdfb98fd7e3dd1d0aa691f165f27421bfff2d3aa519772b101b9b3db9cfcaa43');
INSERT INTO "run_outputs" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807','weights',0,'a7acff03d46621ed81a3031e14a982eef6e303e53b7e50d9808283a2ca76ec6e');
INSERT INTO "run_outputs" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354','weights',1,'8b5c35f9841502d69d96ec30c66d37d7d6ffbb60b7af4a6c6c59d6f0ceffd0f5');
INSERT INTO "run_outputs" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354','weights',0,'ee650421efd89a174a38be59432732842b4e29735c2e53e93b54d6a76d848216');
INSERT INTO "run_outputs" VALUES('01a20b75-3c50-7aad-afe8-07e5883a1af7','atoms',0,'b9cc9eab95f7dec8b60de39cec96ad22dfacb59183ae80dbce9a2ea4605ca8b5');
INSERT INTO "run_outputs" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601','weights',0,'b7b2c010cde9e3ecf2e629cd4a01694386c00c879ebca0b2e807646e6ea1ef69');
CREATE TABLE runs (
	id VARCHAR(36) NOT NULL, 
	kind TEXT NOT NULL, 
	state TEXT NOT NULL, 
	spec JSON NOT NULL, 
	spec_version INTEGER NOT NULL, 
	priority INTEGER NOT NULL, 
	device TEXT NOT NULL, 
	dataset_name VARCHAR(63), 
	dataset_digest VARCHAR(64), 
	available_at BIGINT NOT NULL, 
	attempt INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	fence BIGINT NOT NULL, 
	lease_owner TEXT, 
	lease_expires_at BIGINT, 
	stop_requested TEXT, 
	event_seq BIGINT NOT NULL, 
	progress JSON, 
	error_code TEXT, 
	error_detail TEXT, 
	result JSON, 
	model_name VARCHAR(63), 
	model_version INTEGER, 
	created_at BIGINT NOT NULL, 
	started_at BIGINT, 
	finished_at BIGINT, 
	CONSTRAINT pk_runs PRIMARY KEY (id), 
	CONSTRAINT ck_runs_state CHECK (state IN ('queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled')), 
	CONSTRAINT ck_runs_device CHECK (device IN ('auto', 'cpu', 'cuda')), 
	CONSTRAINT ck_runs_lease_owner CHECK ((state = 'running') = (lease_owner IS NOT NULL)), 
	CONSTRAINT ck_runs_lease_expires_at CHECK ((lease_owner IS NULL) = (lease_expires_at IS NULL)), 
	CONSTRAINT ck_runs_stop_requested CHECK (stop_requested IN ('cancel', 'pause')), 
	CONSTRAINT ck_runs_wish_of_a_running_run CHECK (stop_requested IS NULL OR state = 'running'), 
	CONSTRAINT ck_runs_finished_at CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)), 
	CONSTRAINT ck_runs_error_code CHECK ((state = 'failed') = (error_code IS NOT NULL)), 
	CONSTRAINT ck_runs_result CHECK ((state = 'succeeded') = (result IS NOT NULL)), 
	CONSTRAINT ck_runs_model CHECK ((model_name IS NULL) = (model_version IS NULL)), 
	CONSTRAINT ck_runs_counters CHECK (attempt >= 0 AND failures >= 0 AND fence >= attempt AND event_seq >= 0)
);
INSERT INTO "runs" VALUES('01a20b74-ed28-738b-8de3-993666e74ba5','import','succeeded','{"kind": "import", "dataset": "digits", "priority": 0}',1,0,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488542000,1,0,1,NULL,NULL,NULL,3,'{"phase": "preparing", "epoch": 0, "epochs": 0, "rows_per_second": null, "eta_seconds": null}',NULL,NULL,'{"dataset": "digits", "digest": "1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08", "train_rows": 1437, "test_rows": 360}',NULL,NULL,1795488542000,1795488543550,1795488550735);
INSERT INTO "runs" VALUES('01a20b74-ed4f-75dc-9b06-420e4764bade','train','succeeded','{"kind": "train", "name": "small", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,0,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488542382,1,0,1,NULL,NULL,NULL,5,'{"phase": "finishing", "epoch": 2, "epochs": 2, "rows_per_second": 35991.37709742385, "eta_seconds": 0.0}',NULL,NULL,'{"mse": 0.18215835633661667, "sse_row": 11.658134805543467, "explained_variance": -1.4976472514023942, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1822 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 0.07907430900013424, "rows_per_second": 35363.03017519093, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}','small',1,1795488542382,1795488550740,1795488553302);
INSERT INTO "runs" VALUES('01a20b74-eeb6-7dcf-950d-e42e90389807','train','succeeded','{"kind": "train", "name": "small", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 3, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,0,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488542392,1,0,1,NULL,NULL,NULL,6,'{"phase": "finishing", "epoch": 3, "epochs": 3, "rows_per_second": 49037.913894125115, "eta_seconds": 0.0}',NULL,NULL,'{"mse": 0.17891431113528797, "sse_row": 11.45051591265843, "explained_variance": -1.453166829293452, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1789 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 0.0878173790006258, "rows_per_second": 46267.68134182262, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}','small',2,1795488542392,1795488553476,1795488556734);
INSERT INTO "runs" VALUES('01a20b74-eec2-7bde-b284-018ec11ef354','sweep','succeeded','{"kind": "sweep", "name": "swept", "base": {"kind": "train", "name": "digits-kl", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.1, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}, "grid": {"sparsity.weight": [0.001, 0.1]}, "members": null, "reference": false, "device": "auto", "priority": 0}',1,0,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488542403,1,0,1,NULL,NULL,NULL,5,'{"phase": "finishing", "epoch": 2, "epochs": 2, "rows_per_second": 6175.455689314559, "eta_seconds": 0.0}',NULL,NULL,'{"members": [{"member": 0, "name": "swept-0", "varied": {"sparsity.weight": 0.001}, "reference": false, "n_latents": 8, "mse": 0.18194765356528883, "sse_row": 11.644649828178485, "explained_variance": -1.4947582200768292, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1819 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": {"mse": 0.18113799312667536, "explained_variance": -1.5484865713119627, "l0": 8.0, "num_samples": 143}, "overcomplete": false, "probe_accuracy": 0.5666666666666667, "probe_rows": 1294, "diverged": null, "seconds": 0.029396634499789798, "pareto": false, "suggested": false}, {"member": 1, "name": "swept-1", "varied": {"sparsity.weight": 0.1}, "reference": false, "n_latents": 8, "mse": 0.18228061433412815, "sse_row": 11.665959317384202, "explained_variance": -1.4993235804909273, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1823 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": {"mse": 0.18146169983235805, "explained_variance": -1.5530409012912014, "l0": 8.0, "num_samples": 143}, "overcomplete": false, "probe_accuracy": 0.5916666666666667, "probe_rows": 1294, "diverged": null, "seconds": 0.029396634499789798, "pareto": false, "suggested": false}], "suggested": null, "rule": "knee.chord: the member of the Pareto front farthest below the straight line between the front''s two ends, log mse and L0 each scaled to [0, 1] over the front. Both are taken from the validation slice, so that the test split chooses nothing; `pareto` marks the front of the figures in the table, which are the test split''s. The dense reference and members that collapsed or diverged are left out of both.", "reason": "on the validation slice, a knee needs a front of 3 points with an mse above 0; this one has 0", "num_samples": 360, "threshold": 0.1, "error_units": "raw", "probe_rows": 1294, "formulas": {"mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents", "pareto": "pareto", "suggested": "knee.chord", "probe_accuracy": "probe.logistic"}, "train_seconds": 0.058793268999579595, "rows_per_second": 6041.013002177469, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}',NULL,NULL,1795488542403,1795488559003,1795488562203);
INSERT INTO "runs" VALUES('01a20b75-3c50-7aad-afe8-07e5883a1af7','baselines','succeeded','{"kind": "baselines", "model": "small@1", "methods": ["pca"], "fit_rows": 200, "iterations": 10, "seed": 42, "device": "auto", "priority": 0}',1,0,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488562257,1,0,1,NULL,NULL,NULL,3,'{"phase": "finishing", "epoch": 100, "epochs": 100, "rows_per_second": null, "eta_seconds": null}',NULL,NULL,'{"k": 8, "entries": [{"method": "model", "mse": 0.18215835633661667, "explained_variance": -1.4976472514023942, "l0": 8.0, "mutual_coherence": 0.607139479554275, "atoms": 8, "left_out": 0, "matched_cosine": null, "probe_accuracy": 0.45555555555555555, "seconds": 0.010832636999111855}, {"method": "model.truncated", "mse": 0.18215835633661667, "explained_variance": -1.4976472514023942, "l0": 8.0, "mutual_coherence": 0.607139479554275, "atoms": 8, "left_out": 0, "matched_cosine": null, "probe_accuracy": 0.45555555555555555, "seconds": 0.007238105001306394}, {"method": "pca", "mse": 0.028311963961667016, "explained_variance": 0.6118031563702313, "l0": 8.0, "mutual_coherence": 1.2113877789765581e-08, "atoms": 8, "left_out": 0, "matched_cosine": 0.17428970746504618, "probe_accuracy": 0.7694444444444445, "seconds": 0.010231010001007235}, {"method": "pca.truncated", "mse": 0.028311963961667016, "explained_variance": 0.6118031563702313, "l0": 8.0, "mutual_coherence": 1.2113877789765581e-08, "atoms": 8, "left_out": 0, "matched_cosine": 0.17428970746504618, "probe_accuracy": 0.7694444444444445, "seconds": 0.0036774539985344745}], "dictionary": "difference", "fit_rows": 200, "probe_rows": 200, "num_samples": 360, "threshold": 0.1, "error_units": "raw", "formulas": {"mse": "mse.mean", "explained_variance": "explained_variance.centred", "l0": "l0.nonzero", "k": "l0.rounded", "left_out": ["dead_latents", "unused_atoms"], "mutual_coherence": "mutual_coherence", "matched_cosine": "pw_mcc", "probe_accuracy": "probe.logistic", "codes": "omp", "ksvd": "ksvd"}, "model": "small@1", "train_seconds": 0.03292873299869825, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}',NULL,NULL,1795488562257,1795488563215,1795488566209);
INSERT INTO "runs" VALUES('01a20b75-5487-7098-b19a-cec4202ceb03','train','cancelled','{"kind": "train", "name": "unwanted", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,0,'auto','digits',NULL,1795488568455,0,0,0,NULL,NULL,NULL,2,NULL,NULL,NULL,NULL,NULL,NULL,1795488568455,NULL,1795488568464);
INSERT INTO "runs" VALUES('01a20b75-5499-7068-9d30-36011b6593b4','train','failed','{"kind": "train", "name": "hopeless", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 16, "hidden": [16, 16, 16, 16, 16, 16, 16, 16], "output": "identity"}, "sparsity": {"kind": "l1", "weight": 0.001, "reduction": "mean"}, "training": {"epochs": 3, "batch_size": 8, "learning_rate": 10.0, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,0,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488581944,1,1,1,NULL,NULL,NULL,3,'{"phase": "training", "epoch": 0, "epochs": 3, "rows_per_second": 3755.2162299886872, "eta_seconds": 1.1309601737668231}','TRAINING_DIVERGED','The loss was no longer a finite number in epoch 1: a smaller learning_rate may help.',NULL,NULL,NULL,1795488568474,1795488569066,1795488570948);
INSERT INTO "runs" VALUES('01a20b75-5e5c-7482-9afb-1cd61f6ef8b4','train','cancelled','{"kind": "train", "name": "cancelled", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 100, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,0,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488570973,1,0,1,NULL,NULL,NULL,11,'{"phase": "training", "epoch": 4, "epochs": 100, "rows_per_second": 6422.8537646880195, "eta_seconds": 21.348765677005943}',NULL,NULL,NULL,NULL,NULL,1795488570973,1795488571956,1795488575277);
INSERT INTO "runs" VALUES('01a20b75-6f50-72d1-8d9c-db2cfef64601','train','succeeded','{"kind": "train", "name": "interrupted", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 24, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,0,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488579395,4,0,5,NULL,NULL,NULL,41,'{"phase": "finishing", "epoch": 24, "epochs": 24, "rows_per_second": 5042.274494554067, "eta_seconds": 0.0}',NULL,NULL,'{"mse": 0.008312230312192317, "sse_row": 0.5319827399803083, "explained_variance": 0.8860276321668944, "l0": 1.788888888888889, "population_sparsity": 0.0069878472222222225, "lifetime_sparsity": 0.006987847222222222, "inactive_latents": 198, "dead_latents": 109, "num_samples": 360, "threshold": 0.1, "collapsed": false, "collapsed_reason": null, "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 6.5620209489970875, "rows_per_second": 5037.788766657831, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}','interrupted',1,1795488575314,1795488576285,1795488591639);
INSERT INTO "runs" VALUES('01a20b75-af53-7a50-bdca-21c30ec810a5','train','paused','{"kind": "train", "name": "unlucky", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 50, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,0,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488605673,1,1,1,NULL,NULL,NULL,8,'{"phase": "training", "epoch": 3, "epochs": 50, "rows_per_second": 4811.062964170671, "eta_seconds": 13.90524308208301}',NULL,NULL,NULL,NULL,NULL,1795488591701,1795488592652,NULL);
INSERT INTO "runs" VALUES('01a20b75-bf0d-7084-93c5-885713b69a68','train','paused','{"kind": "train", "name": "aside", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 50, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,0,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488595726,1,0,1,NULL,NULL,NULL,11,'{"phase": "training", "epoch": 3, "epochs": 50, "rows_per_second": 5275.848378482301, "eta_seconds": 12.589254890434646}',NULL,NULL,NULL,NULL,NULL,1795488595726,1795488596351,NULL);
INSERT INTO "runs" VALUES('01a20b75-d0d8-7908-addf-9a72c86a415f','train','running','{"kind": "train", "name": "busy", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 50, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 9}',1,9,'auto','digits','1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08',1795488600282,1,0,1,'host-1-15610-01a20b75-c154-7997-8f4d-2029e1992c6d',1795488661263,'pause',7,'{"phase": "training", "epoch": 2, "epochs": 50, "rows_per_second": 5673.980605310674, "eta_seconds": 12.139625562965515}',NULL,NULL,NULL,NULL,NULL,1795488600282,1795488601263,NULL);
INSERT INTO "runs" VALUES('01a20b75-df85-7b0a-af4a-c7b20cd37bb2','train','queued','{"kind": "train", "name": "patient", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "cuda", "priority": 5}',1,5,'cuda','digits',NULL,1795488604039,0,0,0,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,1795488604039,NULL,NULL);
INSERT INTO "runs" VALUES('01a20b75-df8c-77a3-9e60-3b4aaeff9a21','train','queued','{"kind": "train", "name": "next", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}',1,0,'auto','digits',NULL,1795488604045,0,0,0,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,1795488604045,NULL,NULL);
CREATE TABLE workers (
	id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	boot_id TEXT, 
	pid_namespace TEXT, 
	pid INTEGER NOT NULL, 
	pid_started TEXT, 
	device TEXT NOT NULL, 
	device_name TEXT, 
	threads INTEGER, 
	release TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	CONSTRAINT pk_workers PRIMARY KEY (id)
);
INSERT INTO "workers" VALUES('host-1-15610-01a20b75-c154-7997-8f4d-2029e1992c6d','host-1','00000000-0000-4000-8000-000000000000','pid:[4026531836]',15610,'2422957','cpu',NULL,1,'0.1.0',1795488596343,1795488596343);
CREATE INDEX ix_datasets_digest ON datasets (digest);
CREATE INDEX ix_runs_queue ON runs (priority DESC, available_at, id) WHERE state = 'queued';
CREATE INDEX ix_runs_running ON runs (id) WHERE state = 'running';
CREATE INDEX ix_runs_state_id ON runs (state, id);
CREATE INDEX ix_runs_dataset_name ON runs (dataset_name);
CREATE INDEX ix_run_inputs_sha256 ON run_inputs (sha256);
CREATE INDEX ix_run_outputs_sha256 ON run_outputs (sha256);
CREATE UNIQUE INDEX uq_attempts_open ON attempts (run_id) WHERE ended_at IS NULL;
CREATE INDEX ix_checkpoints_sha256 ON checkpoints (sha256);
CREATE INDEX ix_model_versions_digest ON model_versions (digest);
CREATE INDEX ix_model_versions_dataset_digest ON model_versions (dataset_digest);
CREATE INDEX ix_aliases_name_version ON aliases (name, version);
CREATE INDEX ix_analyses_sha256 ON analyses (sha256);
CREATE INDEX ix_idempotency_keys_run_id ON idempotency_keys (run_id);
COMMIT;
