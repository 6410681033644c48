// SPDX-License-Identifier: GPL-2.0
/*
 * paimon-gateway: the command line and the loop. Exit status 0, 1 (failed) or 2 (usage).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "../util/cleanup.h"
#include "../util/clock.h"
#include "../util/log.h"
#include "../util/standard.h"
#include "../util/tcp.h"
#include "gateway.h"
#include "settings.h"
#include "version.h"

#define CONFIG "/etc/paimon/web-config.yml"
#define UPSTREAM "/run/paimon/gateway.sock"
#define LISTEN "127.0.0.1:10191"
#define LOOK_USEC 1000000ULL /* until the files are looked at again */

static const char usage[] =
	"paimon-gateway [OPTION]...\n"
	"\n"
	"  --config FILE      instead of " CONFIG "\n"
	"  --socket PATH      of paimond, instead of " UPSTREAM "\n"
	"  --listen ADDRESS   IPV4:PORT or [IPV6]:PORT instead of " LISTEN "; under systemd\n"
	"                     paimon-gateway.socket sets it\n"
	"  --check-config     check the configuration and the files that it names, print the\n"
	"                     errors, and exit\n"
	"  --version\n"
	"  --help\n";

struct main {
	const char *config, *upstream, *listen;
	struct settings *settings;
	struct settings *refused; /* by the latest reload, see settings_load(); or NULL */
	struct gateway *gateway;
	/* Of the files: what is in force or was refused, and what they were at the latest look. */
	uint64_t known, seen;
};

/* 0, or a negative errno with errors in the log. */
static int load(struct main *gateway, struct settings **ret_settings)
{
	struct config_errors errors = {};
	_cleanup_free_ char *text = NULL;
	int r;

	settings_unref(gateway->refused);
	r = settings_load(gateway->config, &errors, ret_settings, &gateway->refused);
	text = config_errors_take(&errors);
	if (r < 0)
		log_text(LOG_LINE_ERROR, text && *text ? text : strerror(-r));
	return r;
}

/* The old settings stay in force if there is an error. */
static void reload(struct main *gateway)
{
	static const char kept[] = "what was in force stays in force";
	struct settings *settings;

	sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)clock_ns(CLOCK_MONOTONIC) / 1000);
	gateway->known = settings_state(gateway->config, gateway->settings);
	if (load(gateway, &settings) < 0) {
		log_error("not reloaded: %s", kept);
		if (gateway->refused)
			gateway->known = gateway->refused->state;
	} else if (!settings->tls != !gateway->settings->tls) {
		log_error("%s: TLS is turned %s by a restart only: %s", gateway->config,
			  settings->tls ? "on" : "off", kept);
		settings_unref(settings);
	} else {
		gateway_reload(gateway->gateway, settings);
		settings_unref(gateway->settings);
		gateway->settings = settings;
		gateway->known = settings->state;
		log_info("reloaded %s", gateway->config);
	}
	gateway->seen = gateway->known;
	sd_notify(false, "READY=1");
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	reload(data);
	return 0;
}

/* Files are often replaced one after the other: what has changed is read when it rests. */
static int on_look(sd_event_source *source, uint64_t usec, void *data)
{
	struct main *gateway = data;
	uint64_t state = settings_state(gateway->config, gateway->refused ?: gateway->settings);

	if (state != gateway->known && state == gateway->seen)
		reload(gateway);
	else
		gateway->seen = state;
	sd_event_source_set_time_relative(source, LOOK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* All that systemd has passed, or one of its own. The number, or a negative errno after a message.
 */
static int open_sockets(const struct main *gateway, int **ret_sockets)
{
	int nr = sd_listen_fds(true);
	int *sockets = calloc(nr > 0 ? nr : 1, sizeof(*sockets));

	if (!sockets)
		return -ENOMEM;
	for (int i = 0; i < nr; i++) {
		sockets[i] = SD_LISTEN_FDS_START + i;
		if (sd_is_socket(sockets[i], AF_UNSPEC, SOCK_STREAM, 1) > 0)
			continue;
		log_error(
			"descriptor %d from systemd is no listening stream socket (see the Listen lines of paimon-gateway.socket)",
			sockets[i]);
		free(sockets);
		return -EINVAL;
	}
	if (nr <= 0) {
		nr = 1;
		sockets[0] = listen_tcp(gateway->listen);
		if (sockets[0] < 0) {
			nr = sockets[0];
			log_error("cannot listen at %s: %s (see --listen)", gateway->listen,
				  strerror(-nr));
			free(sockets);
			return nr;
		}
	}
	*ret_sockets = sockets;
	return nr;
}

static int serve(struct main *gateway, sd_event *event)
{
	_cleanup_free_ int *sockets = NULL;
	int r, nr = open_sockets(gateway, &sockets);

	if (nr < 0)
		return nr;
	r = gateway_new(event, sockets, nr, gateway->upstream, gateway->settings,
			&gateway->gateway);
	gateway->known = gateway->seen = gateway->settings->state;
	if (r >= 0)
		r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, LOOK_USEC,
					       LOOK_USEC / 4, on_look, gateway);
	if (r >= 0)
		r = sd_event_set_watchdog(event, true);
	if (r < 0) {
		log_error("cannot serve: %s", strerror(-r));
		return r;
	}
	sd_notify(false, "READY=1");
	return sd_event_loop(event);
}

static int run(struct main *gateway)
{
	sd_event *event = NULL;
	sigset_t signals;
	int r;

	signal(SIGPIPE, SIG_IGN); /* GnuTLS writes to sockets that clients have closed */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	r = load(gateway, &gateway->settings);
	if (r >= 0)
		r = sd_event_default(&event);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, gateway);
	if (r >= 0)
		r = serve(gateway, event);
	gateway_free(gateway->gateway);
	settings_unref(gateway->settings);
	settings_unref(gateway->refused);
	sd_event_unref(event);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int check_config(struct main *gateway)
{
	struct settings *settings;

	if (load(gateway, &settings) < 0) {
		settings_unref(gateway->refused);
		return EXIT_FAILURE;
	}
	settings_unref(settings);
	return EXIT_SUCCESS;
}

static int finish_output(void)
{
	if (!fflush(stdout))
		return EXIT_SUCCESS;
	fprintf(stderr, "paimon-gateway: cannot write the output: %s\n", strerror(errno));
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"socket", required_argument, NULL, 's'},
		{"listen", required_argument, NULL, 'l'},
		{"check-config", no_argument, NULL, 'k'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{},
	};
	struct main gateway = {.config = CONFIG, .upstream = UPSTREAM, .listen = LISTEN};
	bool check = false;
	int c;

	/* Otherwise one of its sockets may get the number of stderr. */
	if (standard_open() < 0)
		return EXIT_FAILURE;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			gateway.config = optarg;
			break;
		case 's':
			gateway.upstream = optarg;
			break;
		case 'l':
			gateway.listen = optarg;
			break;
		case 'k':
			check = true;
			break;
		case 'v':
			puts("paimon-gateway " PAIMON_VERSION " (" PAIMON_REVISION ")");
			return finish_output();
		case 'h':
			fputs(usage, stdout);
			return finish_output();
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "paimon-gateway: unexpected argument %s\n%s", argv[optind], usage);
		return 2;
	}
	return check ? check_config(&gateway) : run(&gateway);
}
