// What json-c takes in its strict mode although RFC 8259 does not, and how long it reads a configuration:
//   cc -O2 docs/adr/measurements/json.c $(pkg-config --cflags --libs json-c) -o /tmp/json && /tmp/json
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct json_object *parse(const char *text, size_t size) {
    struct json_tokener *tokener = json_tokener_new_ex(128);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *value = json_tokener_parse_ex(tokener, text, size + 1);
    if (json_tokener_get_error(tokener) != json_tokener_success) value = NULL;
    json_tokener_free(tokener);
    return value;
}

static const struct { const char *what, *text; size_t size; } texts[] = {
    {"single quotes", "{'a': 1}", 8},
    {"NaN", "{\"a\": NaN}", 10},
    {"Infinity", "{\"a\": Infinity}", 15},
    {"a number without digits behind the point", "{\"a\": 1.}", 9},
    {"a control character in a string", "{\"a\": \"\x01\"}", 10},
    {"overlong UTF-8", "{\"a\": \"\xc0\xaf\"}", 11},
    {"an integer of 20 digits becomes another", "{\"a\": 99999999999999999999}", 27},
    {"a key is cut at \\u0000", "{\"a\\u0000b\": 1}", 15},
    {"what follows a NUL", "{\"a\": 1}\0 rubbish", 17},
};

int main(void) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_object *value = parse(texts[i].text, texts[i].size);
        printf("%-44s %s\n", texts[i].what, value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN) : "refused");
        json_object_put(value);
    }
    static char text[4096];
    strcpy(text, "{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"type\":\"bridge\",\"ipam\":{\"ranges\":[");
    for (int i = 0; i < 24; i++) sprintf(text + strlen(text), "%s[{\"subnet\":\"10.%d.0.0/16\",\"rangeStart\":\"10.%d.0.9\"}]", i ? "," : "", i, i);
    strcat(text, "]}}");
    enum { ROUNDS = 20000 };
    struct timespec a, b;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (int i = 0; i < ROUNDS; i++) json_object_put(parse(text, strlen(text)));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    double us = ((b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) / 1e3) / ROUNDS;
    printf("\n%zu bytes of configuration: %.1f us of processor time\n", strlen(text), us);
    return 0;
}
