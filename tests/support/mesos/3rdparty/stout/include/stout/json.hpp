#ifndef __STOUT_JSON__
#define __STOUT_JSON__

#include <string>

#include <picojson.h>

#include <stout/error.hpp>
#include <stout/try.hpp>

namespace JSON {

// As it was written: protobuf reads JSON itself.
struct Object
{
  std::string text;
};


template <typename T>
Try<T> parse(const std::string& text);


template <>
inline Try<Object> parse(const std::string& text)
{
  if (!picojson::begins_object(text)) {
    return Error("Unexpected JSON: not an object");
  }
  return Object{text};
}

} // namespace JSON

#endif // __STOUT_JSON__
