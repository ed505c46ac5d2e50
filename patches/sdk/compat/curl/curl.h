// The part of libcurl's interface that stout/net.hpp uses, for systems without its header. Types,
// names and numbers are those of libcurl's ABI, so a module that links with -lcurl works.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef void CURL;

typedef enum {
  CURLE_OK = 0
} CURLcode;

typedef enum {
  CURLOPT_LOW_SPEED_LIMIT = 19,
  CURLOPT_LOW_SPEED_TIME = 20,
  CURLOPT_HEADER = 42,
  CURLOPT_NOBODY = 44,
  CURLOPT_FOLLOWLOCATION = 52,
  CURLOPT_WRITEDATA = 10001,
  CURLOPT_URL = 10002,
  CURLOPT_WRITEFUNCTION = 20011
} CURLoption;

typedef enum {
  CURLINFO_RESPONSE_CODE = 0x200002,
  CURLINFO_CONTENT_LENGTH_DOWNLOAD = 0x30000F
} CURLINFO;

#define CURL_GLOBAL_ALL 3L

CURLcode curl_global_init(long flags);
CURL* curl_easy_init(void);
void curl_easy_cleanup(CURL* handle);
CURLcode curl_easy_setopt(CURL* handle, CURLoption option, ...);
CURLcode curl_easy_getinfo(CURL* handle, CURLINFO info, ...);
CURLcode curl_easy_perform(CURL* handle);
const char* curl_easy_strerror(CURLcode code);

#ifdef __cplusplus
}
#endif
