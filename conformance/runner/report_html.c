/* SPDX-License-Identifier: MIT */
/*
 * The HTML report: report.html with the results put into it. The page draws
 * everything from them and needs nothing else.
 */
#include <string.h>

#include "runner/report.h"

#define MARK "/*RESULTS*/null"

__asm__(".section .rodata\n"
	"report_page:\n"
	".incbin \"conformance/runner/report.html\"\n"
	".byte 0\n"
	".previous\n");
extern const char report_page[];

void report_html(struct text *out, const struct text *json)
{
	const char *mark = strstr(report_page, MARK);
	const char *p = json->p, *end;

	text_put(out, report_page, (size_t)(mark - report_page));
	while ((end = strchr(p, '<')) != NULL) { /* never </script> */
		text_put(out, p, (size_t)(end - p));
		text_add(out, "\\u003c");
		p = end + 1;
	}
	text_add(out, "%s%s", p, mark + strlen(MARK));
}
