--
-- PostgreSQL database dump
--


-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: aliases; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.aliases (
    name character varying(63) NOT NULL,
    alias character varying(31) NOT NULL,
    version integer NOT NULL,
    updated_at bigint NOT NULL
);


--
-- Name: analyses; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.analyses (
    key character varying(64) NOT NULL,
    kind text NOT NULL,
    sha256 character varying(64) NOT NULL,
    created_at bigint NOT NULL
);


--
-- Name: artifacts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.artifacts (
    sha256 character varying(64) NOT NULL,
    bytes bigint NOT NULL,
    created_at bigint NOT NULL,
    touched_at bigint NOT NULL,
    CONSTRAINT ck_artifacts_bytes CHECK ((bytes >= 0)),
    CONSTRAINT ck_artifacts_sha256 CHECK ((length((sha256)::text) = 64))
);


--
-- Name: attempts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.attempts (
    run_id character varying(36) NOT NULL,
    fence bigint NOT NULL,
    attempt integer NOT NULL,
    worker_id text NOT NULL,
    resumed_epoch integer,
    environment json,
    started_at bigint NOT NULL,
    ended_at bigint,
    outcome text,
    error_code text,
    error_detail text,
    CONSTRAINT ck_attempts_ended_at CHECK (((outcome IS NULL) = (ended_at IS NULL))),
    CONSTRAINT ck_attempts_outcome CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'failed'::text, 'released'::text, 'stopped'::text, 'cancelled'::text, 'lost'::text])))
);


--
-- Name: checkpoints; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.checkpoints (
    run_id character varying(36) NOT NULL,
    epoch integer NOT NULL,
    fence bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    bytes bigint NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT ck_checkpoints_epoch CHECK ((epoch >= 0))
);


--
-- Name: datasets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.datasets (
    id character varying(36) NOT NULL,
    name character varying(63) NOT NULL,
    digest character varying(64) NOT NULL,
    bytes bigint NOT NULL,
    kind text NOT NULL,
    image_shape json,
    n_inputs integer NOT NULL,
    classes json,
    train_rows integer NOT NULL,
    test_rows integer NOT NULL,
    minimum double precision,
    maximum double precision,
    builtin boolean NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT ck_datasets_counts CHECK (((n_inputs > 0) AND (train_rows > 0) AND (test_rows >= 0))),
    CONSTRAINT ck_datasets_image_shape CHECK (((kind = 'images'::text) = (image_shape IS NOT NULL))),
    CONSTRAINT ck_datasets_kind CHECK ((kind = ANY (ARRAY['images'::text, 'vectors'::text])))
);


--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency_keys (
    key text NOT NULL,
    request_sha256 character varying(64) NOT NULL,
    run_id character varying(36) NOT NULL,
    created_at bigint NOT NULL
);


--
-- Name: model_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.model_versions (
    name character varying(63) NOT NULL,
    version integer NOT NULL,
    id character varying(36) NOT NULL,
    run_id character varying(36) NOT NULL,
    member integer NOT NULL,
    digest character varying(64) NOT NULL,
    dataset_name character varying(63) NOT NULL,
    dataset_digest character varying(64) NOT NULL,
    spec json NOT NULL,
    spec_version integer NOT NULL,
    result json NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT ck_model_versions_version CHECK ((version >= 1))
);


--
-- Name: models; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.models (
    name character varying(63) NOT NULL,
    last_version integer NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT ck_models_last_version CHECK ((last_version >= 1)),
    CONSTRAINT ck_models_name CHECK (((name)::text <> 'stats'::text))
);


--
-- Name: run_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_events (
    run_id character varying(36) NOT NULL,
    seq bigint NOT NULL,
    created_at bigint NOT NULL,
    type text NOT NULL,
    data json NOT NULL
);


--
-- Name: run_inputs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_inputs (
    run_id character varying(36) NOT NULL,
    role text NOT NULL,
    sha256 character varying(64) NOT NULL
);


--
-- Name: run_metrics; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_metrics (
    run_id character varying(36) NOT NULL,
    member integer NOT NULL,
    epoch integer NOT NULL,
    record json NOT NULL
);


--
-- Name: run_outputs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.run_outputs (
    run_id character varying(36) NOT NULL,
    role text NOT NULL,
    member integer NOT NULL,
    sha256 character varying(64) NOT NULL
);


--
-- Name: runs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.runs (
    id character varying(36) NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    spec json NOT NULL,
    spec_version integer NOT NULL,
    priority integer NOT NULL,
    device text NOT NULL,
    dataset_name character varying(63),
    dataset_digest character varying(64),
    available_at bigint NOT NULL,
    attempt integer NOT NULL,
    failures integer NOT NULL,
    fence bigint NOT NULL,
    lease_owner text,
    lease_expires_at bigint,
    stop_requested text,
    event_seq bigint NOT NULL,
    progress json,
    error_code text,
    error_detail text,
    result json,
    model_name character varying(63),
    model_version integer,
    created_at bigint NOT NULL,
    started_at bigint,
    finished_at bigint,
    CONSTRAINT ck_runs_counters CHECK (((attempt >= 0) AND (failures >= 0) AND (fence >= attempt) AND (event_seq >= 0))),
    CONSTRAINT ck_runs_device CHECK ((device = ANY (ARRAY['auto'::text, 'cpu'::text, 'cuda'::text]))),
    CONSTRAINT ck_runs_error_code CHECK (((state = 'failed'::text) = (error_code IS NOT NULL))),
    CONSTRAINT ck_runs_finished_at CHECK (((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT ck_runs_lease_expires_at CHECK (((lease_owner IS NULL) = (lease_expires_at IS NULL))),
    CONSTRAINT ck_runs_lease_owner CHECK (((state = 'running'::text) = (lease_owner IS NOT NULL))),
    CONSTRAINT ck_runs_model CHECK (((model_name IS NULL) = (model_version IS NULL))),
    CONSTRAINT ck_runs_result CHECK (((state = 'succeeded'::text) = (result IS NOT NULL))),
    CONSTRAINT ck_runs_state CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'paused'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT ck_runs_stop_requested CHECK ((stop_requested = ANY (ARRAY['cancel'::text, 'pause'::text]))),
    CONSTRAINT ck_runs_wish_of_a_running_run CHECK (((stop_requested IS NULL) OR (state = 'running'::text)))
);


--
-- Name: workers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.workers (
    id text NOT NULL,
    host text NOT NULL,
    boot_id text,
    pid_namespace text,
    pid integer NOT NULL,
    pid_started text,
    device text NOT NULL,
    device_name text,
    threads integer,
    release text NOT NULL,
    started_at bigint NOT NULL,
    seen_at bigint NOT NULL
);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0001');


--
-- Data for Name: aliases; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.aliases VALUES ('small', 'best', 2, 1795488637093);
INSERT INTO public.aliases VALUES ('small', 'old', 1, 1795488637100);


--
-- Data for Name: analyses; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.analyses VALUES ('5ac2c9b580ba7bde844e34f4e041753683f0dfdbdec4faa5671f50f448835307', 'sparsity', '69a66e34130f3d361d225e2c8d66e37b7f5aef36a9ac94df195d716547a83a83', 1795488637143);
INSERT INTO public.analyses VALUES ('360ba30db95f239166cab2474baebecf7b2bfefa7c886fca96e0e910a2f80ee0', 'features', '332a89a615d91438382abe9dee6e5f107f4a6076a0e13c6d5fe276e522341dac', 1795488637175);
INSERT INTO public.analyses VALUES ('85d628a1add2f9c83194359200bad168433eddd504b2d360c458c498e5d7d6b0', 'probe-codes', '61471d2cf7ea4b900d9cc9a03e7f5130869b72026d9c52a5a2c382406dd5f8c0', 1795488638708);
INSERT INTO public.analyses VALUES ('bbf4b9a3f7c39de8baf0fb34b569804f14874b2808f7d9f6d68d995c8b7854a9', 'probe-inputs', '1ea770672b27501401d1b0b68938c7f7f33916ca8132fb1419938d83b3d8f241', 1795488638851);
INSERT INTO public.analyses VALUES ('b9805b556bfab0ce591eec05642f2c3f8509595b479cf723a0c686027f5a8ab6', 'probe-pca', 'd856c478ae6518ef7c0993f9d4f8555fcabc2478ab7dab025cbf02427b290b03', 1795488639185);


--
-- Data for Name: artifacts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.artifacts VALUES ('467388e8efbc21afa9298ca0f0be3b4a813936bcbd0ed03d10a86de3898b48c2', 1496, 1795488607464, 1795488607464);
INSERT INTO public.artifacts VALUES ('adad3943987583038162d4d55c8237c481f07af0d5bb47fea8c90686f009eeb5', 1488, 1795488607477, 1795488607477);
INSERT INTO public.artifacts VALUES ('1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 129864, 1795488612928, 1795488612928);
INSERT INTO public.artifacts VALUES ('017aef6e0527ddf8225f0ff0b49247898a5ff1ed57a7751fbd5974ed1e4859ec', 24696, 1795488617584, 1795488617584);
INSERT INTO public.artifacts VALUES ('bdfb98fd7e3dd1d0aa691f165f27421bfff2d3aa519772b101b9b3db9cfcaa43', 8616, 1795488617632, 1795488617642);
INSERT INTO public.artifacts VALUES ('5af5f9f3819d646d35539055104a93febf91a4fd20c34783a792e16ae54b093e', 24696, 1795488622281, 1795488622281);
INSERT INTO public.artifacts VALUES ('0cd814af1682a2ec220af36ab8f36147aac7182df7afee4ff9d6ba907913894f', 24696, 1795488622290, 1795488622290);
INSERT INTO public.artifacts VALUES ('a7acff03d46621ed81a3031e14a982eef6e303e53b7e50d9808283a2ca76ec6e', 8616, 1795488622668, 1795488622669);
INSERT INTO public.artifacts VALUES ('e3a9534cd6c5a2144c4cc14faca0920a36670a10fdd43a395eb91cff3113cc81', 24696, 1795488625729, 1795488625729);
INSERT INTO public.artifacts VALUES ('9befe3418eb93a909e4fb93ac132663a01e444883a046ab38bc31a1c77d52f7c', 8616, 1795488625749, 1795488625756);
INSERT INTO public.artifacts VALUES ('5e0556bc297da1b95fd3d974c1d14820b3b476f141e7c406aa9763f4e7697b7b', 48864, 1795488628861, 1795488628861);
INSERT INTO public.artifacts VALUES ('ee650421efd89a174a38be59432732842b4e29735c2e53e93b54d6a76d848216', 8616, 1795488630309, 1795488630310);
INSERT INTO public.artifacts VALUES ('8b5c35f9841502d69d96ec30c66d37d7d6ffbb60b7af4a6c6c59d6f0ceffd0f5', 8616, 1795488630304, 1795488630312);
INSERT INTO public.artifacts VALUES ('b9cc9eab95f7dec8b60de39cec96ad22dfacb59183ae80dbce9a2ea4605ca8b5', 4768, 1795488636642, 1795488636642);
INSERT INTO public.artifacts VALUES ('69a66e34130f3d361d225e2c8d66e37b7f5aef36a9ac94df195d716547a83a83', 3629, 1795488637141, 1795488637142);
INSERT INTO public.artifacts VALUES ('332a89a615d91438382abe9dee6e5f107f4a6076a0e13c6d5fe276e522341dac', 3856, 1795488637174, 1795488637175);
INSERT INTO public.artifacts VALUES ('61471d2cf7ea4b900d9cc9a03e7f5130869b72026d9c52a5a2c382406dd5f8c0', 221, 1795488638707, 1795488638708);
INSERT INTO public.artifacts VALUES ('1ea770672b27501401d1b0b68938c7f7f33916ca8132fb1419938d83b3d8f241', 224, 1795488638849, 1795488638850);
INSERT INTO public.artifacts VALUES ('d856c478ae6518ef7c0993f9d4f8555fcabc2478ab7dab025cbf02427b290b03', 220, 1795488639184, 1795488639184);
INSERT INTO public.artifacts VALUES ('fd331fdfecccabe64e9a842220f78018f69033653aea0b485f7abfffc7570b1d', 3951248, 1795488645858, 1795488645858);
INSERT INTO public.artifacts VALUES ('bcc39ef105dc949ce682e5796b88a46489a24373926c061dfcd687bf80fd0741', 3951248, 1795488645889, 1795488645889);
INSERT INTO public.artifacts VALUES ('63501397de9fc7f9a3f65aee616fbcbb2fa2f1e18eabe2cd1d5aa57d91a157c4', 3951248, 1795488645905, 1795488645905);
INSERT INTO public.artifacts VALUES ('f4eeeb9c743435c8305685179cf84c4c8632528344791bdfbf2e2656b490497b', 3951248, 1795488646853, 1795488646853);
INSERT INTO public.artifacts VALUES ('66cecc5bde2df34290374ae707ed4401154c5c4891fa087aa7ef13964733bffa', 3951248, 1795488650441, 1795488650441);
INSERT INTO public.artifacts VALUES ('aef7265420e637833c7f3e14674ec97e5c50e2cd1a86201249c0dc495058fc46', 3951248, 1795488650446, 1795488650446);
INSERT INTO public.artifacts VALUES ('1d7942809905d2b5d7a28d923009ec55f940bea8ad4242d596019f5bb2ea24b3', 3951248, 1795488650455, 1795488650455);
INSERT INTO public.artifacts VALUES ('64913b78a5191d5e24851c4791b184e2a10f03c28e43a7bd1b09fe61d1bc6f12', 3951248, 1795488651529, 1795488651529);
INSERT INTO public.artifacts VALUES ('a46f9ea561ed3637049665fd969bedf93245a796ab2bd582f8fb2d39595a31b6', 3951248, 1795488651539, 1795488651539);
INSERT INTO public.artifacts VALUES ('c292b105b3146ad765fa295ac43de363c6cb9e2ad35d4390c02e06d20d19d6c4', 3951248, 1795488661427, 1795488661427);
INSERT INTO public.artifacts VALUES ('ce25e728d0962abb844fd9e2efd28c77d2f716a1f7951bc0e8e91be473b8d2be', 3951248, 1795488661443, 1795488661443);
INSERT INTO public.artifacts VALUES ('7326ca7c04912d049e05b6399e1dcca16a04a27cc492b1e9f77a3790eebb2245', 3951248, 1795488662655, 1795488662655);
INSERT INTO public.artifacts VALUES ('b108d0240e43fe25c4bd03507d17551dc1b23eb264b5f01940360e4ffefe3226', 3951248, 1795488662704, 1795488662704);
INSERT INTO public.artifacts VALUES ('9f28cf12402cee8ab8c0e2de1cc14830da6c4bb6709736264a321782e5d76482', 3951248, 1795488662725, 1795488662725);
INSERT INTO public.artifacts VALUES ('cf3d67548f7d0ca9ea8c151459f0593c94623169d4cd75ab5aa14f21c2c746ec', 3951248, 1795488663955, 1795488663955);
INSERT INTO public.artifacts VALUES ('f1810d69000bd265ef61fe660cff555fe1cb199d290dff5e36b6e0440cae6250', 3951248, 1795488663980, 1795488663980);
INSERT INTO public.artifacts VALUES ('1c08ce5b396470928e7cc83be606206bde4ddfa20a5b01745b50128175eb9002', 3951248, 1795488665132, 1795488665132);
INSERT INTO public.artifacts VALUES ('5111a5302896eae3bd07abe609327bb1dae0c2eff2c9203a55c519e661f79975', 3951248, 1795488665150, 1795488665150);
INSERT INTO public.artifacts VALUES ('4d93b68016d960378cb5b0355fc45c6fdc7b61133b23bed543f720d834a20440', 3951248, 1795488666191, 1795488666191);
INSERT INTO public.artifacts VALUES ('c10d68b70546477968ce2ea481d1228cc3eb223911a94c2693b8aa0ccf3958cb', 3951248, 1795488666197, 1795488666197);
INSERT INTO public.artifacts VALUES ('45dbfbb6903a698bb4e51668ecfcdb6316021dadf62cc5d0da66e572b17d4494', 3951248, 1795488666205, 1795488666205);
INSERT INTO public.artifacts VALUES ('fb6e494f005d5696ea09bd9edae844e07774d060e474fee0e2b153a9fef7bbf8', 3951248, 1795488666210, 1795488666210);
INSERT INTO public.artifacts VALUES ('970e600d4befe08e938d0b22856a407e8ea67414199ea515bbb5ae82014badfc', 3951248, 1795488667241, 1795488667241);
INSERT INTO public.artifacts VALUES ('8f06b6a74e495db428d8cd350da0a48569a3215a1dc22122b88cf99c18f6ff46', 3951248, 1795488667248, 1795488667248);
INSERT INTO public.artifacts VALUES ('02ae03d0cc727e228fdda16cc91471863720764766d3babc8bad22236ac8d69b', 3951248, 1795488667264, 1795488667264);
INSERT INTO public.artifacts VALUES ('75e13ad3ace72904a4c4856804e5367fe16660fd905111fe4289259414901d9c', 3951248, 1795488667269, 1795488667269);
INSERT INTO public.artifacts VALUES ('53496599e87f0c437ee6925b92cebe90954e9664f22f407444adad9a2d42c320', 3951248, 1795488668325, 1795488668325);
INSERT INTO public.artifacts VALUES ('b7b2c010cde9e3ecf2e629cd4a01694386c00c879ebca0b2e807646e6ea1ef69', 1317472, 1795488668332, 1795488668334);
INSERT INTO public.artifacts VALUES ('d01ce0ce01fd050b4f3ef310aae6961eb7ffe67ac38e34d23fabde3c58fcf640', 3951240, 1795488671706, 1795488671706);
INSERT INTO public.artifacts VALUES ('96fbb449fe03da784047a159f7cd61d55be571a9b394fdaea57a1ab2586a2698', 3951240, 1795488671711, 1795488671711);
INSERT INTO public.artifacts VALUES ('0063d3a99eb3bbf2865887d311128d5f1b80617b1a6214d8e12dbfb9c317cbb7', 3951240, 1795488671715, 1795488671715);
INSERT INTO public.artifacts VALUES ('73621acba551da588dd63b4fcfc28dece27b6b2af1e3afecd49cf762c38b385a', 3951240, 1795488671719, 1795488671719);
INSERT INTO public.artifacts VALUES ('86a592950faa5b3b14328db99f21f1c5eec0d1c9064a95c37eb1134962ff4769', 3951240, 1795488675232, 1795488675232);
INSERT INTO public.artifacts VALUES ('0c0130bfbba14be67c80720a0d11d1da4aed0a1c8a5fdbcaa70f1682d7433640', 3951240, 1795488675257, 1795488675257);
INSERT INTO public.artifacts VALUES ('b9f5123ac9102dcbae6318e94505d2463abedcc29bcfe59385f042b845aefe11', 3951240, 1795488675264, 1795488675264);
INSERT INTO public.artifacts VALUES ('0fa6ee459644c15848d3977bd6feef1c4e956c472e16d43e261632e2d6e91e2c', 3951240, 1795488676191, 1795488676191);
INSERT INTO public.artifacts VALUES ('67c16b5b9aab4ec587b2c7a5185cc8d89da9561e9e7356ec231b3f3299631a62', 3951240, 1795488676197, 1795488676197);
INSERT INTO public.artifacts VALUES ('61b38fd3c7d2a4d6f83bc77fc1e6fa95cb00670c0acaef3b282190db8f7ec77f', 3951240, 1795488680019, 1795488680019);
INSERT INTO public.artifacts VALUES ('63fe4eec5aa630e2411c0687b03a34cd9260145611ae12a238e12768fad76fb2', 3951240, 1795488680026, 1795488680026);


--
-- Data for Name: attempts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.attempts VALUES ('01a20b75-ecfa-73ae-ac74-a30ead96697e', 1, 1, 'host-1-15783-01a20b75-ef8e-7389-a054-62587e1cf4b2', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488608178, 1795488614750, 'succeeded', NULL, NULL);
INSERT INTO public.attempts VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 1, 1, 'host-1-16521-01a20b76-b214-7c76-811c-e60b52138d45', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488669352, 1795488671777, 'failed', 'OUT_OF_MEMORY_OR_KILLED', 'The training process was killed from outside, most often because memory ran out.');
INSERT INTO public.attempts VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 1, 1, 'host-1-15783-01a20b75-ef8e-7389-a054-62587e1cf4b2', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488614771, 1795488617667, 'succeeded', NULL, NULL);
INSERT INTO public.attempts VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 1, 1, 'host-1-15783-01a20b75-ef8e-7389-a054-62587e1cf4b2', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488617701, 1795488622673, 'succeeded', NULL, NULL);
INSERT INTO public.attempts VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 1, 1, 'host-1-16705-01a20b76-ebde-78e1-bf70-85ef20e8e978', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488672771, 1795488676207, 'stopped', NULL, NULL);
INSERT INTO public.attempts VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 1, 1, 'host-1-15783-01a20b75-ef8e-7389-a054-62587e1cf4b2', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488625789, 1795488630321, 'succeeded', NULL, NULL);
INSERT INTO public.attempts VALUES ('01a20b76-4674-79be-9d41-34271b3ed462', 1, 1, 'host-1-15783-01a20b75-ef8e-7389-a054-62587e1cf4b2', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488631354, 1795488636646, 'succeeded', NULL, NULL);
INSERT INTO public.attempts VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 1, 1, 'host-1-16705-01a20b76-ebde-78e1-bf70-85ef20e8e978', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488677223, NULL, NULL, NULL, NULL);
INSERT INTO public.attempts VALUES ('01a20b76-6919-7cd6-9a3a-7ac709d24b39', 1, 1, 'host-1-16296-01a20b76-6b99-70a9-aff3-98d9312ace53', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488639943, 1795488642342, 'failed', 'TRAINING_DIVERGED', 'The loss was no longer a finite number in epoch 1: a smaller learning_rate may help.');
INSERT INTO public.attempts VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 1, 1, 'host-1-16296-01a20b76-6b99-70a9-aff3-98d9312ace53', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488643353, 1795488646882, 'stopped', NULL, NULL);
INSERT INTO public.attempts VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 1, 1, 'host-1-16296-01a20b76-6b99-70a9-aff3-98d9312ace53', NULL, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488647901, 1795488651740, 'stopped', NULL, NULL);
INSERT INTO public.attempts VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 2, 2, 'host-1-16296-01a20b76-6b99-70a9-aff3-98d9312ace53', 5, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488652755, 1795488655868, 'released', NULL, NULL);
INSERT INTO public.attempts VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 3, 3, 'host-1-16502-01a20b76-ae6d-7f10-b27c-e866d41cb816', 5, NULL, 1795488657043, 1795488657984, 'lost', 'WORKER_LOST', 'The worker that had the run ended without a word, or was not heard of until its lease was over.');
INSERT INTO public.attempts VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 5, 4, 'host-1-16521-01a20b76-b214-7c76-811c-e60b52138d45', 5, '{"torch": "2.15.0+cu132", "device": "cpu", "device_name": "x86_64", "threads": 1}', 1795488658974, 1795488668341, 'succeeded', NULL, NULL);


--
-- Data for Name: checkpoints; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.checkpoints VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 1, 1, '017aef6e0527ddf8225f0ff0b49247898a5ff1ed57a7751fbd5974ed1e4859ec', 24696, 1795488617585);
INSERT INTO public.checkpoints VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 1, 1, '5af5f9f3819d646d35539055104a93febf91a4fd20c34783a792e16ae54b093e', 24696, 1795488622282);
INSERT INTO public.checkpoints VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 2, 1, '0cd814af1682a2ec220af36ab8f36147aac7182df7afee4ff9d6ba907913894f', 24696, 1795488622292);
INSERT INTO public.checkpoints VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 1, 1, '5e0556bc297da1b95fd3d974c1d14820b3b476f141e7c406aa9763f4e7697b7b', 48864, 1795488628868);
INSERT INTO public.checkpoints VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 3, 1, '63501397de9fc7f9a3f65aee616fbcbb2fa2f1e18eabe2cd1d5aa57d91a157c4', 3951248, 1795488645906);
INSERT INTO public.checkpoints VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 4, 1, 'f4eeeb9c743435c8305685179cf84c4c8632528344791bdfbf2e2656b490497b', 3951248, 1795488646853);
INSERT INTO public.checkpoints VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 22, 5, '75e13ad3ace72904a4c4856804e5367fe16660fd905111fe4289259414901d9c', 3951248, 1795488667270);
INSERT INTO public.checkpoints VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 23, 5, '53496599e87f0c437ee6925b92cebe90954e9664f22f407444adad9a2d42c320', 3951248, 1795488668325);
INSERT INTO public.checkpoints VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 3, 1, '0063d3a99eb3bbf2865887d311128d5f1b80617b1a6214d8e12dbfb9c317cbb7', 3951240, 1795488671715);
INSERT INTO public.checkpoints VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 4, 1, '73621acba551da588dd63b4fcfc28dece27b6b2af1e3afecd49cf762c38b385a', 3951240, 1795488671720);
INSERT INTO public.checkpoints VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 4, 1, '0fa6ee459644c15848d3977bd6feef1c4e956c472e16d43e261632e2d6e91e2c', 3951240, 1795488676192);
INSERT INTO public.checkpoints VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 5, 1, '67c16b5b9aab4ec587b2c7a5185cc8d89da9561e9e7356ec231b3f3299631a62', 3951240, 1795488676197);
INSERT INTO public.checkpoints VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 1, 1, '61b38fd3c7d2a4d6f83bc77fc1e6fa95cb00670c0acaef3b282190db8f7ec77f', 3951240, 1795488680020);
INSERT INTO public.checkpoints VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 2, 1, '63fe4eec5aa630e2411c0687b03a34cd9260145611ae12a238e12768fad76fb2', 3951240, 1795488680030);


--
-- Data for Name: datasets; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.datasets VALUES ('01a20b75-ece8-70c5-a1b9-31e77577a355', 'noise', '467388e8efbc21afa9298ca0f0be3b4a813936bcbd0ed03d10a86de3898b48c2', 1496, 'vectors', NULL, 5, NULL, 50, 10, 0.0009197592735290527, 0.9991760849952698, false, 1795488607465);
INSERT INTO public.datasets VALUES ('01a20b76-0243-76b6-83e4-a76f551a9ea4', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 129864, 'images', '[1, 8, 8]', 64, '["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]', 1437, 360, NULL, NULL, true, 1795488612935);


--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.idempotency_keys VALUES ('the-first', '890bda43f80c67b7d4efbbca19fa43e38ba95ac495ee2e669d09ad78d177fdad', '01a20b75-ed09-7258-a7b2-63884384d041', 1795488607499);
INSERT INTO public.idempotency_keys VALUES ('the-interrupted', '45baa0ffc4e1e9c1247c2827c79d6cb92bd7e843c7b47cd516c098fad83ae9f0', '01a20b76-870e-745a-b8cd-a19824100bb7', 1795488646928);
INSERT INTO public.idempotency_keys VALUES ('the-last', 'f77fd33a47c98b2699852d5eafbd8cbc493b73387eec20ebcac6b81069dded24', '01a20b77-08ae-7402-882b-e405a879fb25', 1795488680115);


--
-- Data for Name: model_versions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.model_versions VALUES ('small', 1, '01a20b76-14b7-7d4b-91d5-86200383d774', '01a20b75-ed09-7258-a7b2-63884384d041', 0, 'bdfb98fd7e3dd1d0aa691f165f27421bfff2d3aa519772b101b9b3db9cfcaa43', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', '{"kind": "train", "name": "small", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, '{"mse": 0.18215835633661667, "sse_row": 11.658134805543467, "explained_variance": -1.4976472514023942, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1822 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 0.08457741699749022, "rows_per_second": 33154.78929522678, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}', 1795488617658);
INSERT INTO public.model_versions VALUES ('small', 2, '01a20b76-284e-70fe-a25c-ffbb0f7fa3a4', '01a20b75-ed13-72ca-bfeb-d7237df4d025', 0, 'a7acff03d46621ed81a3031e14a982eef6e303e53b7e50d9808283a2ca76ec6e', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', '{"kind": "train", "name": "small", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 3, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, '{"mse": 0.17891431113528797, "sse_row": 11.45051591265843, "explained_variance": -1.453166829293452, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1789 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 0.1451278269996692, "rows_per_second": 28335.947523509574, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}', 1795488622671);
INSERT INTO public.model_versions VALUES ('swept-0', 1, '01a20b76-4626-7ae8-9665-8a7c30378036', '01a20b75-ed27-77db-9268-510ac303a84f', 0, 'ee650421efd89a174a38be59432732842b4e29735c2e53e93b54d6a76d848216', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', '{"kind": "train", "name": "swept-0", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.1, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.001, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, '{"member": 0, "name": "swept-0", "varied": {"sparsity.weight": 0.001}, "reference": false, "n_latents": 8, "mse": 0.18194765356528883, "sse_row": 11.644649828178485, "explained_variance": -1.4947582200768292, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1819 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": {"mse": 0.18113799312667536, "explained_variance": -1.5484865713119627, "l0": 8.0, "num_samples": 143}, "overcomplete": false, "probe_accuracy": 0.5666666666666667, "probe_rows": 1294, "diverged": null, "seconds": 0.03720843600058288, "pareto": false, "suggested": false, "train_seconds": 0.03720843600058288, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}', 1795488630311);
INSERT INTO public.model_versions VALUES ('swept-1', 1, '01a20b76-462c-7b16-bbf1-c14c1986171c', '01a20b75-ed27-77db-9268-510ac303a84f', 1, '8b5c35f9841502d69d96ec30c66d37d7d6ffbb60b7af4a6c6c59d6f0ceffd0f5', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', '{"kind": "train", "name": "swept-1", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.1, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.1, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, '{"member": 1, "name": "swept-1", "varied": {"sparsity.weight": 0.1}, "reference": false, "n_latents": 8, "mse": 0.18228061433412815, "sse_row": 11.665959317384202, "explained_variance": -1.4993235804909273, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1823 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": {"mse": 0.18146169983235805, "explained_variance": -1.5530409012912014, "l0": 8.0, "num_samples": 143}, "overcomplete": false, "probe_accuracy": 0.5916666666666667, "probe_rows": 1294, "diverged": null, "seconds": 0.03720843600058288, "pareto": false, "suggested": false, "train_seconds": 0.03720843600058288, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}', 1795488630317);
INSERT INTO public.model_versions VALUES ('interrupted', 1, '01a20b76-daaf-7510-8c4d-901c3785e3d5', '01a20b76-870e-745a-b8cd-a19824100bb7', 0, 'b7b2c010cde9e3ecf2e629cd4a01694386c00c879ebca0b2e807646e6ea1ef69', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', '{"kind": "train", "name": "interrupted", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 24, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, '{"mse": 0.008312230312192317, "sse_row": 0.5319827399803083, "explained_variance": 0.8860276321668944, "l0": 1.788888888888889, "population_sparsity": 0.0069878472222222225, "lifetime_sparsity": 0.006987847222222222, "inactive_latents": 198, "dead_latents": 109, "num_samples": 360, "threshold": 0.1, "collapsed": false, "collapsed_reason": null, "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 8.686974997999641, "rows_per_second": 3775.92941276403, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}', 1795488668336);


--
-- Data for Name: models; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.models VALUES ('small', 2, 1795488617653);
INSERT INTO public.models VALUES ('gone', 1, 1795488625757);
INSERT INTO public.models VALUES ('swept-0', 1, 1795488630310);
INSERT INTO public.models VALUES ('swept-1', 1, 1795488630317);
INSERT INTO public.models VALUES ('interrupted', 1, 1795488668335);


--
-- Data for Name: run_events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.run_events VALUES ('01a20b75-ecfa-73ae-ac74-a30ead96697e', 1, 1795488607493, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 1, 1795488607501, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 1, 1795488607510, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 1, 1795488607532, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b75-ecfa-73ae-ac74-a30ead96697e', 2, 1795488608185, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b75-ecfa-73ae-ac74-a30ead96697e', 3, 1795488614751, 'succeeded', '{"attempt": 1, "reason": "succeeded"}');
INSERT INTO public.run_events VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 2, 1795488614777, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 3, 1795488617577, 'metrics', '{"after": 0, "epoch": 2}');
INSERT INTO public.run_events VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 4, 1795488617589, 'checkpoint', '{"epoch": 1, "digest": "017aef6e0527ddf8225f0ff0b49247898a5ff1ed57a7751fbd5974ed1e4859ec"}');
INSERT INTO public.run_events VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 5, 1795488617672, 'succeeded', '{"attempt": 1, "reason": "succeeded"}');
INSERT INTO public.run_events VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 2, 1795488617710, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 3, 1795488622279, 'metrics', '{"after": 0, "epoch": 3}');
INSERT INTO public.run_events VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 4, 1795488622283, 'checkpoint', '{"epoch": 1, "digest": "5af5f9f3819d646d35539055104a93febf91a4fd20c34783a792e16ae54b093e"}');
INSERT INTO public.run_events VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 5, 1795488622295, 'checkpoint', '{"epoch": 2, "digest": "0cd814af1682a2ec220af36ab8f36147aac7182df7afee4ff9d6ba907913894f"}');
INSERT INTO public.run_events VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 6, 1795488622675, 'succeeded', '{"attempt": 1, "reason": "succeeded"}');
INSERT INTO public.run_events VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 2, 1795488625790, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 3, 1795488628841, 'metrics', '{"after": 0, "epoch": 2}');
INSERT INTO public.run_events VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 4, 1795488628874, 'checkpoint', '{"epoch": 1, "digest": "5e0556bc297da1b95fd3d974c1d14820b3b476f141e7c406aa9763f4e7697b7b"}');
INSERT INTO public.run_events VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 5, 1795488630322, 'succeeded', '{"attempt": 1, "reason": "succeeded"}');
INSERT INTO public.run_events VALUES ('01a20b76-4674-79be-9d41-34271b3ed462', 1, 1795488630395, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b76-4674-79be-9d41-34271b3ed462', 2, 1795488631365, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b76-4674-79be-9d41-34271b3ed462', 3, 1795488636648, 'succeeded', '{"attempt": 1, "reason": "succeeded"}');
INSERT INTO public.run_events VALUES ('01a20b76-6904-77a9-b981-6b4f2d8bbca8', 1, 1795488639240, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b76-6904-77a9-b981-6b4f2d8bbca8', 2, 1795488639251, 'cancelled', '{"reason": "asked"}');
INSERT INTO public.run_events VALUES ('01a20b76-6919-7cd6-9a3a-7ac709d24b39', 1, 1795488639277, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b76-6919-7cd6-9a3a-7ac709d24b39', 2, 1795488639946, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b76-6919-7cd6-9a3a-7ac709d24b39', 3, 1795488642343, 'failed', '{"attempt": 1, "reason": "failed", "code": "TRAINING_DIVERGED", "detail": "The loss was no longer a finite number in epoch 1: a smaller learning_rate may help."}');
INSERT INTO public.run_events VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 1, 1795488642402, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 2, 1795488643354, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 3, 1795488645849, 'metrics', '{"after": 0, "epoch": 3}');
INSERT INTO public.run_events VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 4, 1795488645866, 'checkpoint', '{"epoch": 1, "digest": "fd331fdfecccabe64e9a842220f78018f69033653aea0b485f7abfffc7570b1d"}');
INSERT INTO public.run_events VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 5, 1795488645894, 'checkpoint', '{"epoch": 2, "digest": "bcc39ef105dc949ce682e5796b88a46489a24373926c061dfcd687bf80fd0741"}');
INSERT INTO public.run_events VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 6, 1795488645908, 'checkpoint', '{"epoch": 3, "digest": "63501397de9fc7f9a3f65aee616fbcbb2fa2f1e18eabe2cd1d5aa57d91a157c4"}');
INSERT INTO public.run_events VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 7, 1795488645924, 'stop_requested', '{"wish": "cancel"}');
INSERT INTO public.run_events VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 8, 1795488646844, 'metrics', '{"after": 3, "epoch": 4}');
INSERT INTO public.run_events VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 9, 1795488646857, 'checkpoint', '{"epoch": 4, "digest": "f4eeeb9c743435c8305685179cf84c4c8632528344791bdfbf2e2656b490497b"}');
INSERT INTO public.run_events VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 10, 1795488646884, 'cancelled', '{"attempt": 1, "reason": "stopped"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 1, 1795488646931, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 2, 1795488647904, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 3, 1795488650439, 'metrics', '{"after": 0, "epoch": 3}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 4, 1795488650442, 'checkpoint', '{"epoch": 1, "digest": "66cecc5bde2df34290374ae707ed4401154c5c4891fa087aa7ef13964733bffa"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 5, 1795488650451, 'checkpoint', '{"epoch": 2, "digest": "aef7265420e637833c7f3e14674ec97e5c50e2cd1a86201249c0dc495058fc46"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 6, 1795488650456, 'checkpoint', '{"epoch": 3, "digest": "1d7942809905d2b5d7a28d923009ec55f940bea8ad4242d596019f5bb2ea24b3"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 7, 1795488650468, 'stop_requested', '{"wish": "pause"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 8, 1795488651523, 'metrics', '{"after": 3, "epoch": 5}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 9, 1795488651530, 'checkpoint', '{"epoch": 4, "digest": "64913b78a5191d5e24851c4791b184e2a10f03c28e43a7bd1b09fe61d1bc6f12"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 10, 1795488651545, 'checkpoint', '{"epoch": 5, "digest": "a46f9ea561ed3637049665fd969bedf93245a796ab2bd582f8fb2d39595a31b6"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 11, 1795488651741, 'paused', '{"attempt": 1, "reason": "stopped"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 12, 1795488651763, 'queued', '{"reason": "resumed"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 13, 1795488652757, 'running', '{"reason": "claimed", "attempt": 2, "epoch": 5}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 14, 1795488655870, 'queued', '{"attempt": 2, "reason": "released"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 15, 1795488657053, 'running', '{"reason": "claimed", "attempt": 3, "epoch": 5}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 16, 1795488657988, 'queued', '{"attempt": 3, "reason": "lost", "code": "WORKER_LOST", "detail": "The worker that had the run ended without a word, or was not heard of until its lease was over.", "available_at": "2026-11-24T02:50:51.761000+00:00"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 17, 1795488658979, 'running', '{"reason": "claimed", "attempt": 4, "epoch": 5}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 18, 1795488661423, 'metrics', '{"after": 5, "epoch": 7}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 19, 1795488661429, 'checkpoint', '{"epoch": 6, "digest": "c292b105b3146ad765fa295ac43de363c6cb9e2ad35d4390c02e06d20d19d6c4"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 20, 1795488661451, 'checkpoint', '{"epoch": 7, "digest": "ce25e728d0962abb844fd9e2efd28c77d2f716a1f7951bc0e8e91be473b8d2be"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 21, 1795488662645, 'metrics', '{"after": 7, "epoch": 10}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 22, 1795488662676, 'checkpoint', '{"epoch": 8, "digest": "7326ca7c04912d049e05b6399e1dcca16a04a27cc492b1e9f77a3790eebb2245"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 23, 1795488662715, 'checkpoint', '{"epoch": 9, "digest": "b108d0240e43fe25c4bd03507d17551dc1b23eb264b5f01940360e4ffefe3226"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 24, 1795488662727, 'checkpoint', '{"epoch": 10, "digest": "9f28cf12402cee8ab8c0e2de1cc14830da6c4bb6709736264a321782e5d76482"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 25, 1795488663944, 'metrics', '{"after": 10, "epoch": 12}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 26, 1795488663963, 'checkpoint', '{"epoch": 11, "digest": "cf3d67548f7d0ca9ea8c151459f0593c94623169d4cd75ab5aa14f21c2c746ec"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 27, 1795488663986, 'checkpoint', '{"epoch": 12, "digest": "f1810d69000bd265ef61fe660cff555fe1cb199d290dff5e36b6e0440cae6250"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 28, 1795488665129, 'metrics', '{"after": 12, "epoch": 15}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 29, 1795488665143, 'checkpoint', '{"epoch": 13, "digest": "1c08ce5b396470928e7cc83be606206bde4ddfa20a5b01745b50128175eb9002"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 30, 1795488665157, 'checkpoint', '{"epoch": 14, "digest": "5111a5302896eae3bd07abe609327bb1dae0c2eff2c9203a55c519e661f79975"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 31, 1795488666189, 'metrics', '{"after": 15, "epoch": 18}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 32, 1795488666193, 'checkpoint', '{"epoch": 15, "digest": "4d93b68016d960378cb5b0355fc45c6fdc7b61133b23bed543f720d834a20440"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 33, 1795488666198, 'checkpoint', '{"epoch": 16, "digest": "c10d68b70546477968ce2ea481d1228cc3eb223911a94c2693b8aa0ccf3958cb"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 34, 1795488666207, 'checkpoint', '{"epoch": 17, "digest": "45dbfbb6903a698bb4e51668ecfcdb6316021dadf62cc5d0da66e572b17d4494"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 35, 1795488666211, 'checkpoint', '{"epoch": 18, "digest": "fb6e494f005d5696ea09bd9edae844e07774d060e474fee0e2b153a9fef7bbf8"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 36, 1795488667239, 'metrics', '{"after": 18, "epoch": 22}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 37, 1795488667242, 'checkpoint', '{"epoch": 19, "digest": "970e600d4befe08e938d0b22856a407e8ea67414199ea515bbb5ae82014badfc"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 38, 1795488667254, 'checkpoint', '{"epoch": 20, "digest": "8f06b6a74e495db428d8cd350da0a48569a3215a1dc22122b88cf99c18f6ff46"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 39, 1795488667266, 'checkpoint', '{"epoch": 21, "digest": "02ae03d0cc727e228fdda16cc91471863720764766d3babc8bad22236ac8d69b"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 40, 1795488667271, 'checkpoint', '{"epoch": 22, "digest": "75e13ad3ace72904a4c4856804e5367fe16660fd905111fe4289259414901d9c"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 41, 1795488668322, 'metrics', '{"after": 22, "epoch": 24}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 42, 1795488668326, 'checkpoint', '{"epoch": 23, "digest": "53496599e87f0c437ee6925b92cebe90954e9664f22f407444adad9a2d42c320"}');
INSERT INTO public.run_events VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 43, 1795488668342, 'succeeded', '{"attempt": 4, "reason": "succeeded"}');
INSERT INTO public.run_events VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 1, 1795488668382, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 2, 1795488669354, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 3, 1795488671704, 'metrics', '{"after": 0, "epoch": 4}');
INSERT INTO public.run_events VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 4, 1795488671707, 'checkpoint', '{"epoch": 1, "digest": "d01ce0ce01fd050b4f3ef310aae6961eb7ffe67ac38e34d23fabde3c58fcf640"}');
INSERT INTO public.run_events VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 5, 1795488671712, 'checkpoint', '{"epoch": 2, "digest": "96fbb449fe03da784047a159f7cd61d55be571a9b394fdaea57a1ab2586a2698"}');
INSERT INTO public.run_events VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 6, 1795488671716, 'checkpoint', '{"epoch": 3, "digest": "0063d3a99eb3bbf2865887d311128d5f1b80617b1a6214d8e12dbfb9c317cbb7"}');
INSERT INTO public.run_events VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 7, 1795488671720, 'checkpoint', '{"epoch": 4, "digest": "73621acba551da588dd63b4fcfc28dece27b6b2af1e3afecd49cf762c38b385a"}');
INSERT INTO public.run_events VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 8, 1795488671778, 'queued', '{"attempt": 1, "reason": "failed", "code": "OUT_OF_MEMORY_OR_KILLED", "detail": "The training process was killed from outside, most often because memory ran out.", "available_at": "2026-11-24T02:51:19.954000+00:00"}');
INSERT INTO public.run_events VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 9, 1795488671807, 'paused', '{"reason": "asked"}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 1, 1795488672078, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 2, 1795488672781, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 3, 1795488675221, 'metrics', '{"after": 0, "epoch": 3}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 4, 1795488675235, 'checkpoint', '{"epoch": 1, "digest": "86a592950faa5b3b14328db99f21f1c5eec0d1c9064a95c37eb1134962ff4769"}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 5, 1795488675259, 'checkpoint', '{"epoch": 2, "digest": "0c0130bfbba14be67c80720a0d11d1da4aed0a1c8a5fdbcaa70f1682d7433640"}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 6, 1795488675266, 'checkpoint', '{"epoch": 3, "digest": "b9f5123ac9102dcbae6318e94505d2463abedcc29bcfe59385f042b845aefe11"}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 7, 1795488675307, 'stop_requested', '{"wish": "pause"}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 8, 1795488676188, 'metrics', '{"after": 3, "epoch": 5}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 9, 1795488676193, 'checkpoint', '{"epoch": 4, "digest": "0fa6ee459644c15848d3977bd6feef1c4e956c472e16d43e261632e2d6e91e2c"}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 10, 1795488676200, 'checkpoint', '{"epoch": 5, "digest": "67c16b5b9aab4ec587b2c7a5185cc8d89da9561e9e7356ec231b3f3299631a62"}');
INSERT INTO public.run_events VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 11, 1795488676208, 'paused', '{"attempt": 1, "reason": "stopped"}');
INSERT INTO public.run_events VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 2, 1795488677225, 'running', '{"reason": "claimed", "attempt": 1, "epoch": 0}');
INSERT INTO public.run_events VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 3, 1795488680017, 'metrics', '{"after": 0, "epoch": 2}');
INSERT INTO public.run_events VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 4, 1795488680021, 'checkpoint', '{"epoch": 1, "digest": "61b38fd3c7d2a4d6f83bc77fc1e6fa95cb00670c0acaef3b282190db8f7ec77f"}');
INSERT INTO public.run_events VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 5, 1795488680033, 'checkpoint', '{"epoch": 2, "digest": "63fe4eec5aa630e2411c0687b03a34cd9260145611ae12a238e12768fad76fb2"}');
INSERT INTO public.run_events VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 1, 1795488676249, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 6, 1795488680102, 'stop_requested', '{"wish": "pause"}');
INSERT INTO public.run_events VALUES ('01a20b77-08ae-7402-882b-e405a879fb25', 1, 1795488680123, 'queued', '{"reason": "created"}');
INSERT INTO public.run_events VALUES ('01a20b77-08c8-7337-a5c1-50f92029f83c', 1, 1795488680140, 'queued', '{"reason": "created"}');


--
-- Data for Name: run_inputs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.run_inputs VALUES ('01a20b75-ecfa-73ae-ac74-a30ead96697e', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO public.run_inputs VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO public.run_inputs VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO public.run_inputs VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO public.run_inputs VALUES ('01a20b76-4674-79be-9d41-34271b3ed462', 'model', 'bdfb98fd7e3dd1d0aa691f165f27421bfff2d3aa519772b101b9b3db9cfcaa43');
INSERT INTO public.run_inputs VALUES ('01a20b76-4674-79be-9d41-34271b3ed462', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO public.run_inputs VALUES ('01a20b76-6919-7cd6-9a3a-7ac709d24b39', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO public.run_inputs VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO public.run_inputs VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO public.run_inputs VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO public.run_inputs VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');
INSERT INTO public.run_inputs VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 'dataset', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08');


--
-- Data for Name: run_metrics; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.run_metrics VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 0, 1, '{"loss": 0.22882082525321257, "reconstruction": 0.18555731574694315, "sparsity": 4.326350950626943, "test_mse": 0.18567498485612677, "explained_variance": -1.5458651741625595, "l0": 8.0, "dead_latents": 0, "seconds": 0.07575809300033143}');
INSERT INTO public.run_metrics VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 0, 2, '{"loss": 0.2239605600358228, "reconstruction": 0.1817069724202156, "sparsity": 4.2253587615607175, "test_mse": 0.18215835633661667, "explained_variance": -1.4976472514023942, "l0": 8.0, "dead_latents": 0, "seconds": 0.00881932399715879}');
INSERT INTO public.run_metrics VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 0, 1, '{"loss": 0.22882082525321257, "reconstruction": 0.18555731574694315, "sparsity": 4.326350950626943, "test_mse": 0.18567498485612677, "explained_variance": -1.5458651741625595, "l0": 8.0, "dead_latents": 0, "seconds": 0.1038163209996128}');
INSERT INTO public.run_metrics VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 0, 2, '{"loss": 0.2239605600358228, "reconstruction": 0.1817069724202156, "sparsity": 4.2253587615607175, "test_mse": 0.18215835633661667, "explained_variance": -1.4976472514023942, "l0": 8.0, "dead_latents": 0, "seconds": 0.022713686998031335}');
INSERT INTO public.run_metrics VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 0, 3, '{"loss": 0.21937424759014984, "reconstruction": 0.17842281113068262, "sparsity": 4.095143645946721, "test_mse": 0.17891431113528797, "explained_variance": -1.453166829293452, "l0": 8.0, "dead_latents": 0, "seconds": 0.018597819002025062}');
INSERT INTO public.run_metrics VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 0, 1, '{"loss": 0.19022153164873734, "reconstruction": 0.18587650110324225, "sparsity": 4.345030545495098, "test_mse": 0.1855635834615227, "explained_variance": -1.5443377043685245, "l0": 8.0, "dead_latents": 0, "seconds": 0.029204238000602345}');
INSERT INTO public.run_metrics VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 1, 1, '{"loss": 0.6186553760527529, "reconstruction": 0.1859433650970459, "sparsity": 4.32712010955707, "test_mse": 0.1857383066918023, "explained_variance": -1.5467334055849844, "l0": 8.0, "dead_latents": 0, "seconds": 0.029204238000602345}');
INSERT INTO public.run_metrics VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 0, 2, '{"loss": 0.18513130117121215, "reconstruction": 0.18084951490163803, "sparsity": 4.281786269574131, "test_mse": 0.18194765356528883, "explained_variance": -1.4947582200768292, "l0": 8.0, "dead_latents": 0, "seconds": 0.008004197999980533}');
INSERT INTO public.run_metrics VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 1, 2, '{"loss": 0.6031768606640436, "reconstruction": 0.18108678112427393, "sparsity": 4.2209007953976965, "test_mse": 0.18228061433412815, "explained_variance": -1.4993235804909273, "l0": 8.0, "dead_latents": 0, "seconds": 0.008004197999980533}');
INSERT INTO public.run_metrics VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 0, 1, '{"loss": 0.11314407894537717, "reconstruction": 0.07833153451275494, "sparsity": 3.4812544432622223, "test_mse": 0.07307567102113348, "explained_variance": -0.001970222727744275, "l0": 1.9972222222222222, "dead_latents": 0, "seconds": 0.30367165300049237}');
INSERT INTO public.run_metrics VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 0, 2, '{"loss": 0.06878332243869512, "reconstruction": 0.06601881581462092, "sparsity": 0.2764506624074191, "test_mse": 0.054255462111053525, "explained_variance": 0.25608131001783896, "l0": 12.605555555555556, "dead_latents": 6, "seconds": 0.29007620500124176}');
INSERT INTO public.run_metrics VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 0, 3, '{"loss": 0.051039139296238, "reconstruction": 0.04710804962346123, "sparsity": 0.39310896727767636, "test_mse": 0.040663786994782576, "explained_variance": 0.4424422910829965, "l0": 14.702777777777778, "dead_latents": 1, "seconds": 0.3241484979989764}');
INSERT INTO public.run_metrics VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 0, 4, '{"loss": 0.04023236415778906, "reconstruction": 0.0363363488836007, "sparsity": 0.3896015274188364, "test_mse": 0.03385890109476964, "explained_variance": 0.5357468471082296, "l0": 10.613888888888889, "dead_latents": 6, "seconds": 0.34938322200105176}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 1, '{"loss": 0.11314407894537717, "reconstruction": 0.07833153451275494, "sparsity": 3.4812544432622223, "test_mse": 0.07307567102113348, "explained_variance": -0.001970222727744275, "l0": 1.9972222222222222, "dead_latents": 0, "seconds": 0.2996520390006481}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 2, '{"loss": 0.06878332243869512, "reconstruction": 0.06601881581462092, "sparsity": 0.2764506624074191, "test_mse": 0.054255462111053525, "explained_variance": 0.25608131001783896, "l0": 12.605555555555556, "dead_latents": 6, "seconds": 0.2854225339979166}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 3, '{"loss": 0.051039139296238, "reconstruction": 0.04710804962346123, "sparsity": 0.39310896727767636, "test_mse": 0.040663786994782576, "explained_variance": 0.4424422910829965, "l0": 14.702777777777778, "dead_latents": 1, "seconds": 0.2709183610022592}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 4, '{"loss": 0.04023236415778906, "reconstruction": 0.0363363488836007, "sparsity": 0.3896015274188364, "test_mse": 0.03385890109476964, "explained_variance": 0.5357468471082296, "l0": 10.613888888888889, "dead_latents": 6, "seconds": 0.2810607190003793}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 5, '{"loss": 0.03431603709106537, "reconstruction": 0.03088961132388148, "sparsity": 0.34264257671838927, "test_mse": 0.0293800704392562, "explained_variance": 0.5971579143862409, "l0": 10.094444444444445, "dead_latents": 8, "seconds": 0.33073604899982456}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 6, '{"loss": 0.030363604456099706, "reconstruction": 0.026952129597258238, "sparsity": 0.3411474858841467, "test_mse": 0.027265915442748413, "explained_variance": 0.626145952718715, "l0": 8.747222222222222, "dead_latents": 7, "seconds": 0.31927504499981296}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 7, '{"loss": 0.02724256601396215, "reconstruction": 0.02412346737045381, "sparsity": 0.31190986435083395, "test_mse": 0.023764072658839463, "explained_variance": 0.6741611422492506, "l0": 9.075, "dead_latents": 15, "seconds": 0.46132383399890386}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 8, '{"loss": 0.023497887997619194, "reconstruction": 0.020469478980845047, "sparsity": 0.30284090167741484, "test_mse": 0.020145721703848596, "explained_variance": 0.7237738226614613, "l0": 8.91388888888889, "dead_latents": 9, "seconds": 0.4307268140000815}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 9, '{"loss": 0.020701110323872743, "reconstruction": 0.01773396912806978, "sparsity": 0.29671411958029625, "test_mse": 0.018522473994667093, "explained_variance": 0.746030831676685, "l0": 8.780555555555555, "dead_latents": 12, "seconds": 0.4030679820025398}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 10, '{"loss": 0.018537779178139528, "reconstruction": 0.015575690342423816, "sparsity": 0.296208883571571, "test_mse": 0.016760596938560385, "explained_variance": 0.7701886440054367, "l0": 4.413888888888889, "dead_latents": 48, "seconds": 0.4269110719978926}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 11, '{"loss": 0.01672799016086094, "reconstruction": 0.014039632617237254, "sparsity": 0.2688357543623686, "test_mse": 0.014520986465201632, "explained_variance": 0.8008968533650974, "l0": 6.566666666666666, "dead_latents": 16, "seconds": 0.6262553029991977}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 12, '{"loss": 0.015177865683566827, "reconstruction": 0.01267917121294886, "sparsity": 0.24986944706179667, "test_mse": 0.013796914530691328, "explained_variance": 0.8108248979160997, "l0": 4.852777777777778, "dead_latents": 30, "seconds": 0.6813894639999489}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 13, '{"loss": 0.014300379431067246, "reconstruction": 0.011843447733877435, "sparsity": 0.24569316971898109, "test_mse": 0.01352236527762458, "explained_variance": 0.8145893542994762, "l0": 4.886111111111111, "dead_latents": 32, "seconds": 0.5589762970012089}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 14, '{"loss": 0.013532449273553683, "reconstruction": 0.011277474891135677, "sparsity": 0.22549743824180074, "test_mse": 0.012591166009136893, "explained_variance": 0.8273574059015023, "l0": 4.508333333333334, "dead_latents": 47, "seconds": 0.4067611999998917}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 15, '{"loss": 0.012783191700304187, "reconstruction": 0.010636163875460625, "sparsity": 0.2147027824843562, "test_mse": 0.01168381980837097, "explained_variance": 0.8397983983983031, "l0": 3.361111111111111, "dead_latents": 62, "seconds": 0.44036057199991774}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 16, '{"loss": 0.0121226861661808, "reconstruction": 0.010058313547374888, "sparsity": 0.20643726188059128, "test_mse": 0.011437936184741612, "explained_variance": 0.8431698086869854, "l0": 3.941666666666667, "dead_latents": 56, "seconds": 0.33104408900180715}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 17, '{"loss": 0.011580776980216903, "reconstruction": 0.009595001779962331, "sparsity": 0.19857752002545723, "test_mse": 0.011377927380618933, "explained_variance": 0.8439926137874003, "l0": 2.5694444444444446, "dead_latents": 88, "seconds": 0.265148655998928}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 18, '{"loss": 0.010844432382964366, "reconstruction": 0.008972823754366902, "sparsity": 0.18716086285974648, "test_mse": 0.010643024772813243, "explained_variance": 0.8540691621014529, "l0": 2.827777777777778, "dead_latents": 84, "seconds": 0.262980632000108}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 19, '{"loss": 0.01061609020122375, "reconstruction": 0.008764934541088426, "sparsity": 0.18511556601353232, "test_mse": 0.010386943019426014, "explained_variance": 0.8575804030916822, "l0": 4.138888888888889, "dead_latents": 55, "seconds": 0.252386211999692}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 20, '{"loss": 0.01014804484444859, "reconstruction": 0.00835852571633748, "sparsity": 0.17895191281111095, "test_mse": 0.01040116413970944, "explained_variance": 0.8573854115321288, "l0": 3.0944444444444446, "dead_latents": 71, "seconds": 0.2778207660012413}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 21, '{"loss": 0.010161364695640366, "reconstruction": 0.008386878047086712, "sparsity": 0.1774486648553654, "test_mse": 0.009399429007172527, "explained_variance": 0.871120609031334, "l0": 3.6333333333333333, "dead_latents": 56, "seconds": 0.2616989409980306}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 22, '{"loss": 0.00950755452689764, "reconstruction": 0.007803026121109724, "sparsity": 0.17045284057879162, "test_mse": 0.008880008216802241, "explained_variance": 0.8782425985764758, "l0": 2.313888888888889, "dead_latents": 96, "seconds": 0.2579060140014917}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 23, '{"loss": 0.0088443694206394, "reconstruction": 0.007225379692519912, "sparsity": 0.1618989728119487, "test_mse": 0.008762427932788181, "explained_variance": 0.8798547896342616, "l0": 1.7944444444444445, "dead_latents": 114, "seconds": 0.24781491300018388}');
INSERT INTO public.run_metrics VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 0, 24, '{"loss": 0.008861783464890386, "reconstruction": 0.007203594665043056, "sparsity": 0.16581887998473296, "test_mse": 0.008312230312192317, "explained_variance": 0.8860276321668944, "l0": 1.788888888888889, "dead_latents": 109, "seconds": 0.30733748999773525}');
INSERT INTO public.run_metrics VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 0, 1, '{"loss": 0.11314407894537717, "reconstruction": 0.07833153451275494, "sparsity": 3.4812544432622223, "test_mse": 0.07307567102113348, "explained_variance": -0.001970222727744275, "l0": 1.9972222222222222, "dead_latents": 0, "seconds": 0.24603873399973963}');
INSERT INTO public.run_metrics VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 0, 2, '{"loss": 0.06878332243869512, "reconstruction": 0.06601881581462092, "sparsity": 0.2764506624074191, "test_mse": 0.054255462111053525, "explained_variance": 0.25608131001783896, "l0": 12.605555555555556, "dead_latents": 6, "seconds": 0.25445053500152426}');
INSERT INTO public.run_metrics VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 0, 3, '{"loss": 0.051039139296238, "reconstruction": 0.04710804962346123, "sparsity": 0.39310896727767636, "test_mse": 0.040663786994782576, "explained_variance": 0.4424422910829965, "l0": 14.702777777777778, "dead_latents": 1, "seconds": 0.25423218499781797}');
INSERT INTO public.run_metrics VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 0, 4, '{"loss": 0.04023236415778906, "reconstruction": 0.0363363488836007, "sparsity": 0.3896015274188364, "test_mse": 0.03385890109476964, "explained_variance": 0.5357468471082296, "l0": 10.613888888888889, "dead_latents": 6, "seconds": 0.23070013600226957}');
INSERT INTO public.run_metrics VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 0, 1, '{"loss": 0.11314407894537717, "reconstruction": 0.07833153451275494, "sparsity": 3.4812544432622223, "test_mse": 0.07307567102113348, "explained_variance": -0.001970222727744275, "l0": 1.9972222222222222, "dead_latents": 0, "seconds": 0.23962109300191514}');
INSERT INTO public.run_metrics VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 0, 2, '{"loss": 0.06878332243869512, "reconstruction": 0.06601881581462092, "sparsity": 0.2764506624074191, "test_mse": 0.054255462111053525, "explained_variance": 0.25608131001783896, "l0": 12.605555555555556, "dead_latents": 6, "seconds": 0.26399820000006}');
INSERT INTO public.run_metrics VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 0, 3, '{"loss": 0.051039139296238, "reconstruction": 0.04710804962346123, "sparsity": 0.39310896727767636, "test_mse": 0.040663786994782576, "explained_variance": 0.4424422910829965, "l0": 14.702777777777778, "dead_latents": 1, "seconds": 0.2726496840004984}');
INSERT INTO public.run_metrics VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 0, 4, '{"loss": 0.04023236415778906, "reconstruction": 0.0363363488836007, "sparsity": 0.3896015274188364, "test_mse": 0.03385890109476964, "explained_variance": 0.5357468471082296, "l0": 10.613888888888889, "dead_latents": 6, "seconds": 0.299999120998109}');
INSERT INTO public.run_metrics VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 0, 5, '{"loss": 0.03431603709106537, "reconstruction": 0.03088961132388148, "sparsity": 0.34264257671838927, "test_mse": 0.0293800704392562, "explained_variance": 0.5971579143862409, "l0": 10.094444444444445, "dead_latents": 8, "seconds": 0.2776626300001226}');
INSERT INTO public.run_metrics VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 0, 1, '{"loss": 0.11314407894537717, "reconstruction": 0.07833153451275494, "sparsity": 3.4812544432622223, "test_mse": 0.07307567102113348, "explained_variance": -0.001970222727744275, "l0": 1.9972222222222222, "dead_latents": 0, "seconds": 0.4587149180006236}');
INSERT INTO public.run_metrics VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 0, 2, '{"loss": 0.06878332243869512, "reconstruction": 0.06601881581462092, "sparsity": 0.2764506624074191, "test_mse": 0.054255462111053525, "explained_variance": 0.25608131001783896, "l0": 12.605555555555556, "dead_latents": 6, "seconds": 0.37521931499941275}');


--
-- Data for Name: run_outputs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.run_outputs VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 'weights', 0, 'bdfb98fd7e3dd1d0aa691f165f27421bfff2d3aa519772b101b9b3db9cfcaa43');
INSERT INTO public.run_outputs VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 'weights', 0, 'a7acff03d46621ed81a3031e14a982eef6e303e53b7e50d9808283a2ca76ec6e');
INSERT INTO public.run_outputs VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 'weights', 1, '8b5c35f9841502d69d96ec30c66d37d7d6ffbb60b7af4a6c6c59d6f0ceffd0f5');
INSERT INTO public.run_outputs VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 'weights', 0, 'ee650421efd89a174a38be59432732842b4e29735c2e53e93b54d6a76d848216');
INSERT INTO public.run_outputs VALUES ('01a20b76-4674-79be-9d41-34271b3ed462', 'atoms', 0, 'b9cc9eab95f7dec8b60de39cec96ad22dfacb59183ae80dbce9a2ea4605ca8b5');
INSERT INTO public.run_outputs VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 'weights', 0, 'b7b2c010cde9e3ecf2e629cd4a01694386c00c879ebca0b2e807646e6ea1ef69');


--
-- Data for Name: runs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.runs VALUES ('01a20b75-ed13-72ca-bfeb-d7237df4d025', 'train', 'succeeded', '{"kind": "train", "name": "small", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 3, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488607509, 1, 0, 1, NULL, NULL, NULL, 6, '{"phase": "finishing", "epoch": 3, "epochs": 3, "rows_per_second": 28782.986622981043, "eta_seconds": 0.0}', NULL, NULL, '{"mse": 0.17891431113528797, "sse_row": 11.45051591265843, "explained_variance": -1.453166829293452, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1789 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 0.1451278269996692, "rows_per_second": 28335.947523509574, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}', 'small', 2, 1795488607509, 1795488617693, 1795488622672);
INSERT INTO public.runs VALUES ('01a20b75-ecfa-73ae-ac74-a30ead96697e', 'import', 'succeeded', '{"kind": "import", "dataset": "digits", "priority": 0}', 1, 0, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488607488, 1, 0, 1, NULL, NULL, NULL, 3, '{"phase": "preparing", "epoch": 0, "epochs": 0, "rows_per_second": null, "eta_seconds": null}', NULL, NULL, '{"dataset": "digits", "digest": "1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08", "train_rows": 1437, "test_rows": 360}', NULL, NULL, 1795488607488, 1795488608170, 1795488614749);
INSERT INTO public.runs VALUES ('01a20b76-6904-77a9-b981-6b4f2d8bbca8', 'train', 'cancelled', '{"kind": "train", "name": "unwanted", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', NULL, 1795488639238, 0, 0, 0, NULL, NULL, NULL, 2, NULL, NULL, NULL, NULL, NULL, NULL, 1795488639238, NULL, 1795488639249);
INSERT INTO public.runs VALUES ('01a20b76-4674-79be-9d41-34271b3ed462', 'baselines', 'succeeded', '{"kind": "baselines", "model": "small@1", "methods": ["pca"], "fit_rows": 200, "iterations": 10, "seed": 42, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488630390, 1, 0, 1, NULL, NULL, NULL, 3, '{"phase": "finishing", "epoch": 100, "epochs": 100, "rows_per_second": null, "eta_seconds": null}', NULL, NULL, '{"k": 8, "entries": [{"method": "model", "mse": 0.18215835633661667, "explained_variance": -1.4976472514023942, "l0": 8.0, "mutual_coherence": 0.607139479554275, "atoms": 8, "left_out": 0, "matched_cosine": null, "probe_accuracy": 0.45555555555555555, "seconds": 0.016435769000963774}, {"method": "model.truncated", "mse": 0.18215835633661667, "explained_variance": -1.4976472514023942, "l0": 8.0, "mutual_coherence": 0.607139479554275, "atoms": 8, "left_out": 0, "matched_cosine": null, "probe_accuracy": 0.45555555555555555, "seconds": 0.007812552998075262}, {"method": "pca", "mse": 0.028311963961667016, "explained_variance": 0.6118031563702313, "l0": 8.0, "mutual_coherence": 1.2113877789765581e-08, "atoms": 8, "left_out": 0, "matched_cosine": 0.17428970746504618, "probe_accuracy": 0.7694444444444445, "seconds": 0.011376422000466846}, {"method": "pca.truncated", "mse": 0.028311963961667016, "explained_variance": 0.6118031563702313, "l0": 8.0, "mutual_coherence": 1.2113877789765581e-08, "atoms": 8, "left_out": 0, "matched_cosine": 0.17428970746504618, "probe_accuracy": 0.7694444444444445, "seconds": 0.012786957002390409}], "dictionary": "difference", "fit_rows": 200, "probe_rows": 200, "num_samples": 360, "threshold": 0.1, "error_units": "raw", "formulas": {"mse": "mse.mean", "explained_variance": "explained_variance.centred", "l0": "l0.nonzero", "k": "l0.rounded", "left_out": ["dead_latents", "unused_atoms"], "mutual_coherence": "mutual_coherence", "matched_cosine": "pw_mcc", "probe_accuracy": "probe.logistic", "codes": "omp", "ksvd": "ksvd"}, "model": "small@1", "train_seconds": 0.05080795500180102, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}', NULL, NULL, 1795488630390, 1795488631346, 1795488636644);
INSERT INTO public.runs VALUES ('01a20b76-6919-7cd6-9a3a-7ac709d24b39', 'train', 'failed', '{"kind": "train", "name": "hopeless", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 16, "hidden": [16, 16, 16, 16, 16, 16, 16, 16], "output": "identity"}, "sparsity": {"kind": "l1", "weight": 0.001, "reduction": "mean"}, "training": {"epochs": 3, "batch_size": 8, "learning_rate": 10.0, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488652508, 1, 1, 1, NULL, NULL, NULL, 3, '{"phase": "training", "epoch": 0, "epochs": 3, "rows_per_second": 3372.376495131151, "eta_seconds": 1.2593493063812957}', 'TRAINING_DIVERGED', 'The loss was no longer a finite number in epoch 1: a smaller learning_rate may help.', NULL, NULL, NULL, 1795488639265, 1795488639934, 1795488642340);
INSERT INTO public.runs VALUES ('01a20b75-ed09-7258-a7b2-63884384d041', 'train', 'succeeded', '{"kind": "train", "name": "small", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488607500, 1, 0, 1, NULL, NULL, NULL, 5, '{"phase": "finishing", "epoch": 2, "epochs": 2, "rows_per_second": 33669.89916154653, "eta_seconds": 0.0}', NULL, NULL, '{"mse": 0.18215835633661667, "sse_row": 11.658134805543467, "explained_variance": -1.4976472514023942, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1822 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 0.08457741699749022, "rows_per_second": 33154.78929522678, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}', 'small', 1, 1795488607500, 1795488614764, 1795488617663);
INSERT INTO public.runs VALUES ('01a20b76-870e-745a-b8cd-a19824100bb7', 'train', 'succeeded', '{"kind": "train", "name": "interrupted", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 24, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488651761, 4, 0, 5, NULL, NULL, NULL, 43, '{"phase": "finishing", "epoch": 24, "epochs": 24, "rows_per_second": 3781.793236239577, "eta_seconds": 0.0}', NULL, NULL, '{"mse": 0.008312230312192317, "sse_row": 0.5319827399803083, "explained_variance": 0.8860276321668944, "l0": 1.788888888888889, "population_sparsity": 0.0069878472222222225, "lifetime_sparsity": 0.006987847222222222, "inactive_latents": 198, "dead_latents": 109, "num_samples": 360, "threshold": 0.1, "collapsed": false, "collapsed_reason": null, "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": null, "train_seconds": 8.686974997999641, "rows_per_second": 3775.92941276403, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}', 'interrupted', 1, 1795488646930, 1795488647894, 1795488668339);
INSERT INTO public.runs VALUES ('01a20b76-dad9-7f58-a720-ab1661078147', 'train', 'paused', '{"kind": "train", "name": "unlucky", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 50, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488679954, 1, 1, 1, NULL, NULL, NULL, 9, '{"phase": "training", "epoch": 4, "epochs": 50, "rows_per_second": 5825.994336465073, "eta_seconds": 11.307597672669818}', NULL, NULL, NULL, NULL, NULL, 1795488668380, 1795488669350, NULL);
INSERT INTO public.runs VALUES ('01a20b75-ed27-77db-9268-510ac303a84f', 'sweep', 'succeeded', '{"kind": "sweep", "name": "swept", "base": {"kind": "train", "name": "digits-kl", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.1, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}, "grid": {"sparsity.weight": [0.001, 0.1]}, "members": null, "reference": false, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488607530, 1, 0, 1, NULL, NULL, NULL, 5, '{"phase": "finishing", "epoch": 2, "epochs": 2, "rows_per_second": 4123.303300119261, "eta_seconds": 0.0}', NULL, NULL, '{"members": [{"member": 0, "name": "swept-0", "varied": {"sparsity.weight": 0.001}, "reference": false, "n_latents": 8, "mse": 0.18194765356528883, "sse_row": 11.644649828178485, "explained_variance": -1.4947582200768292, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1819 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": {"mse": 0.18113799312667536, "explained_variance": -1.5484865713119627, "l0": 8.0, "num_samples": 143}, "overcomplete": false, "probe_accuracy": 0.5666666666666667, "probe_rows": 1294, "diverged": null, "seconds": 0.03720843600058288, "pareto": false, "suggested": false}, {"member": 1, "name": "swept-1", "varied": {"sparsity.weight": 0.1}, "reference": false, "n_latents": 8, "mse": 0.18228061433412815, "sse_row": 11.665959317384202, "explained_variance": -1.4993235804909273, "l0": 8.0, "population_sparsity": 1.0, "lifetime_sparsity": 1.0, "inactive_latents": 0, "dead_latents": 0, "num_samples": 360, "threshold": 0.1, "collapsed": true, "collapsed_reason": "The held-out error of 0.1823 is not below 99% of the 0.07366 that always answering the mean of the training rows gives.", "error_units": "raw", "formulas": {"reconstruction": "mse.mean", "sparsity": "kl.batch", "mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents"}, "validation": {"mse": 0.18146169983235805, "explained_variance": -1.5530409012912014, "l0": 8.0, "num_samples": 143}, "overcomplete": false, "probe_accuracy": 0.5916666666666667, "probe_rows": 1294, "diverged": null, "seconds": 0.03720843600058288, "pareto": false, "suggested": false}], "suggested": null, "rule": "knee.chord: the member of the Pareto front farthest below the straight line between the front''s two ends, log mse and L0 each scaled to [0, 1] over the front. Both are taken from the validation slice, so that the test split chooses nothing; `pareto` marks the front of the figures in the table, which are the test split''s. The dense reference and members that collapsed or diverged are left out of both.", "reason": "on the validation slice, a knee needs a front of 3 points with an mse above 0; this one has 0", "num_samples": 360, "threshold": 0.1, "error_units": "raw", "probe_rows": 1294, "formulas": {"mse": "mse.mean", "sse_row": "sse.row", "explained_variance": "explained_variance.centred", "l0": "l0.threshold", "population_sparsity": "population_sparsity", "lifetime_sparsity": "lifetime_sparsity", "inactive_latents": "inactive_latents", "dead_latents": "dead_latents", "pareto": "pareto", "suggested": "knee.chord", "probe_accuracy": "probe.logistic"}, "train_seconds": 0.07441687200116576, "rows_per_second": 3993.501742480584, "device": "cpu", "threads": 1, "torch": "2.15.0+cu132"}', NULL, NULL, 1795488607530, 1795488625780, 1795488630320);
INSERT INTO public.runs VALUES ('01a20b76-755b-7a5b-9d3c-736b1463c9e7', 'train', 'cancelled', '{"kind": "train", "name": "cancelled", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 100, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488642400, 1, 0, 1, NULL, NULL, NULL, 10, '{"phase": "training", "epoch": 3, "epochs": 100, "rows_per_second": 4621.445089634446, "eta_seconds": 30.07132992052767}', NULL, NULL, NULL, NULL, NULL, 1795488642400, 1795488643351, 1795488646878);
INSERT INTO public.runs VALUES ('01a20b76-f990-7037-a5df-7cda718b68c2', 'train', 'running', '{"kind": "train", "name": "busy", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 50, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 9}', 1, 9, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488676247, 1, 0, 1, 'host-1-16705-01a20b76-ebde-78e1-bf70-85ef20e8e978', 1795488737220, 'pause', 6, '{"phase": "training", "epoch": 2, "epochs": 50, "rows_per_second": 3738.231378492429, "eta_seconds": 18.186140213561874}', NULL, NULL, NULL, NULL, NULL, 1795488676247, 1795488677220, NULL);
INSERT INTO public.runs VALUES ('01a20b77-08ae-7402-882b-e405a879fb25', 'train', 'queued', '{"kind": "train", "name": "patient", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "cuda", "priority": 5}', 1, 5, 'cuda', 'digits', NULL, 1795488680121, 0, 0, 0, NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, 1795488680121, NULL, NULL);
INSERT INTO public.runs VALUES ('01a20b77-08c8-7337-a5c1-50f92029f83c', 'train', 'queued', '{"kind": "train", "name": "next", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 8, "hidden": [12], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 2, "batch_size": 256, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', NULL, 1795488680139, 0, 0, 0, NULL, NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, 1795488680139, NULL, NULL);
INSERT INTO public.runs VALUES ('01a20b76-e946-70b2-85f8-d43a231af720', 'train', 'paused', '{"kind": "train", "name": "aside", "dataset": {"name": "digits", "image_size": null, "train_limit": null, "validation_fraction": 0.0, "scaling": "none"}, "model": {"architecture": "mlp", "n_latents": 256, "hidden": [512], "output": "sigmoid"}, "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05}, "training": {"epochs": 50, "batch_size": 4, "learning_rate": 0.001, "seed": 42, "precision": "float32"}, "device": "auto", "priority": 0}', 1, 0, 'auto', 'digits', '1d3d82f5c0611bc03965b65e818f375989e86562feab580343cfba2aa2604b08', 1795488672077, 1, 0, 1, NULL, NULL, NULL, 11, '{"phase": "training", "epoch": 3, "epochs": 50, "rows_per_second": 5509.371960972401, "eta_seconds": 12.014981102912612}', NULL, NULL, NULL, NULL, NULL, 1795488672077, 1795488672764, NULL);


--
-- Data for Name: workers; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.workers VALUES ('host-1-16705-01a20b76-ebde-78e1-bf70-85ef20e8e978', 'host-1', '00000000-0000-4000-8000-000000000000', 'pid:[4026531836]', 16705, '2430592', 'cpu', NULL, 1, '0.1.0', 1795488672767, 1795488672767);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: aliases pk_aliases; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.aliases
    ADD CONSTRAINT pk_aliases PRIMARY KEY (name, alias);


--
-- Name: analyses pk_analyses; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.analyses
    ADD CONSTRAINT pk_analyses PRIMARY KEY (key);


--
-- Name: artifacts pk_artifacts; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT pk_artifacts PRIMARY KEY (sha256);


--
-- Name: attempts pk_attempts; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT pk_attempts PRIMARY KEY (run_id, fence);


--
-- Name: checkpoints pk_checkpoints; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT pk_checkpoints PRIMARY KEY (run_id, epoch);


--
-- Name: datasets pk_datasets; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.datasets
    ADD CONSTRAINT pk_datasets PRIMARY KEY (id);


--
-- Name: idempotency_keys pk_idempotency_keys; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT pk_idempotency_keys PRIMARY KEY (key);


--
-- Name: model_versions pk_model_versions; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT pk_model_versions PRIMARY KEY (name, version);


--
-- Name: models pk_models; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.models
    ADD CONSTRAINT pk_models PRIMARY KEY (name);


--
-- Name: run_events pk_run_events; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_events
    ADD CONSTRAINT pk_run_events PRIMARY KEY (run_id, seq);


--
-- Name: run_inputs pk_run_inputs; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_inputs
    ADD CONSTRAINT pk_run_inputs PRIMARY KEY (run_id, role);


--
-- Name: run_metrics pk_run_metrics; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_metrics
    ADD CONSTRAINT pk_run_metrics PRIMARY KEY (run_id, member, epoch);


--
-- Name: run_outputs pk_run_outputs; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_outputs
    ADD CONSTRAINT pk_run_outputs PRIMARY KEY (run_id, role, member);


--
-- Name: runs pk_runs; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT pk_runs PRIMARY KEY (id);


--
-- Name: workers pk_workers; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.workers
    ADD CONSTRAINT pk_workers PRIMARY KEY (id);


--
-- Name: datasets uq_datasets_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.datasets
    ADD CONSTRAINT uq_datasets_name UNIQUE (name);


--
-- Name: model_versions uq_model_versions_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT uq_model_versions_id UNIQUE (id);


--
-- Name: model_versions uq_model_versions_run_id_member; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT uq_model_versions_run_id_member UNIQUE (run_id, member);


--
-- Name: ix_aliases_name_version; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_aliases_name_version ON public.aliases USING btree (name, version);


--
-- Name: ix_analyses_sha256; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_analyses_sha256 ON public.analyses USING btree (sha256);


--
-- Name: ix_checkpoints_sha256; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_checkpoints_sha256 ON public.checkpoints USING btree (sha256);


--
-- Name: ix_datasets_digest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_datasets_digest ON public.datasets USING btree (digest);


--
-- Name: ix_idempotency_keys_run_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_idempotency_keys_run_id ON public.idempotency_keys USING btree (run_id);


--
-- Name: ix_model_versions_dataset_digest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_model_versions_dataset_digest ON public.model_versions USING btree (dataset_digest);


--
-- Name: ix_model_versions_digest; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_model_versions_digest ON public.model_versions USING btree (digest);


--
-- Name: ix_run_inputs_sha256; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_run_inputs_sha256 ON public.run_inputs USING btree (sha256);


--
-- Name: ix_run_outputs_sha256; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_run_outputs_sha256 ON public.run_outputs USING btree (sha256);


--
-- Name: ix_runs_dataset_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_runs_dataset_name ON public.runs USING btree (dataset_name);


--
-- Name: ix_runs_queue; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_runs_queue ON public.runs USING btree (priority DESC, available_at, id) WHERE (state = 'queued'::text);


--
-- Name: ix_runs_running; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_runs_running ON public.runs USING btree (id) WHERE (state = 'running'::text);


--
-- Name: ix_runs_state_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_runs_state_id ON public.runs USING btree (state, id);


--
-- Name: uq_attempts_open; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX uq_attempts_open ON public.attempts USING btree (run_id) WHERE (ended_at IS NULL);


--
-- Name: aliases fk_aliases_name_version; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.aliases
    ADD CONSTRAINT fk_aliases_name_version FOREIGN KEY (name, version) REFERENCES public.model_versions(name, version);


--
-- Name: analyses fk_analyses_sha256; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.analyses
    ADD CONSTRAINT fk_analyses_sha256 FOREIGN KEY (sha256) REFERENCES public.artifacts(sha256);


--
-- Name: attempts fk_attempts_run_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT fk_attempts_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id);


--
-- Name: checkpoints fk_checkpoints_run_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT fk_checkpoints_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id);


--
-- Name: checkpoints fk_checkpoints_sha256; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT fk_checkpoints_sha256 FOREIGN KEY (sha256) REFERENCES public.artifacts(sha256);


--
-- Name: datasets fk_datasets_digest; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.datasets
    ADD CONSTRAINT fk_datasets_digest FOREIGN KEY (digest) REFERENCES public.artifacts(sha256);


--
-- Name: idempotency_keys fk_idempotency_keys_run_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT fk_idempotency_keys_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: model_versions fk_model_versions_dataset_digest; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT fk_model_versions_dataset_digest FOREIGN KEY (dataset_digest) REFERENCES public.artifacts(sha256);


--
-- Name: model_versions fk_model_versions_digest; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT fk_model_versions_digest FOREIGN KEY (digest) REFERENCES public.artifacts(sha256);


--
-- Name: model_versions fk_model_versions_name; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT fk_model_versions_name FOREIGN KEY (name) REFERENCES public.models(name);


--
-- Name: model_versions fk_model_versions_run_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.model_versions
    ADD CONSTRAINT fk_model_versions_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id);


--
-- Name: run_events fk_run_events_run_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_events
    ADD CONSTRAINT fk_run_events_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id);


--
-- Name: run_inputs fk_run_inputs_run_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_inputs
    ADD CONSTRAINT fk_run_inputs_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id);


--
-- Name: run_inputs fk_run_inputs_sha256; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_inputs
    ADD CONSTRAINT fk_run_inputs_sha256 FOREIGN KEY (sha256) REFERENCES public.artifacts(sha256);


--
-- Name: run_metrics fk_run_metrics_run_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_metrics
    ADD CONSTRAINT fk_run_metrics_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id);


--
-- Name: run_outputs fk_run_outputs_run_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_outputs
    ADD CONSTRAINT fk_run_outputs_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id);


--
-- Name: run_outputs fk_run_outputs_sha256; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.run_outputs
    ADD CONSTRAINT fk_run_outputs_sha256 FOREIGN KEY (sha256) REFERENCES public.artifacts(sha256);


--
-- PostgreSQL database dump complete
--


