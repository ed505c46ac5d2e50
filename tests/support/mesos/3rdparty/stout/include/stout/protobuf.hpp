#ifndef __STOUT_PROTOBUF_HPP__
#define __STOUT_PROTOBUF_HPP__

#include <google/protobuf/util/json_util.h>

#include <stout/error.hpp>
#include <stout/json.hpp>
#include <stout/try.hpp>

namespace protobuf {

template <typename T>
Try<T> parse(const JSON::Object& object)
{
  T message;
  const google::protobuf::util::Status status =
    google::protobuf::util::JsonStringToMessage(object.text, &message);
  if (!status.ok()) {
    return Error("Failed to parse: " + status.error_message().ToString());
  }
  return message;
}

} // namespace protobuf

#endif // __STOUT_PROTOBUF_HPP__
