#include "subject.hpp"

#include <string.h>
#include <unistd.h>

#include <list>

#include <mesos/mesos.hpp>
#include <mesos/module.hpp>
#include <mesos/resources.hpp>

#include <mesos/module/isolator.hpp>

#include <mesos/slave/isolator.hpp>

#include <process/future.hpp>

#include <stout/hashset.hpp>
#include <stout/none.hpp>
#include <stout/nothing.hpp>
#include <stout/option.hpp>

#include "child.hpp"
#include "library.hpp"

// One translation unit: reading Mesos's headers is most of the work.
#include "module_manager.cpp"

namespace harness {

namespace {

const double MOMENT = 0.02; // seconds

#if MESOS_VERSION_AT_LEAST(0, 24, 0)
typedef mesos::slave::ContainerState RunState;
#else
typedef mesos::slave::ExecutorRunState RunState;
#endif

#if MESOS_VERSION_AT_LEAST(1, 7, 0)
typedef std::vector<RunState> RunStates;
#else
typedef std::list<RunState> RunStates;
#endif

#if MESOS_VERSION_AT_LEAST(0, 27, 0)
typedef mesos::slave::ContainerLaunchInfo Instructions;
#elif MESOS_VERSION_AT_LEAST(0, 24, 0)
typedef mesos::slave::ContainerPrepareInfo Instructions;
#else
typedef mesos::CommandInfo Instructions;
#endif


// Looks again and again instead of waiting in libprocess, whose ways to wait need its threads.
template <typename T>
Answer await(const process::Future<T>& future, double seconds)
{
  const double end = now() + seconds;
  while (future.isPending() && now() < end) {
    ::usleep(500);
  }
  // Takes the future's lock after whoever has set it; states alone are read without it.
  future.onAny([](const process::Future<T>&) {});

  Answer answer;
  answer.state = Answer::PENDING;
  if (future.isReady()) {
    answer.state = Answer::READY;
  } else if (future.isFailed()) {
    answer.state = Answer::FAILED;
    answer.message = future.failure();
  } else if (future.isDiscarded()) {
    answer.state = Answer::DISCARDED;
  }
  return answer;
}


// The value of a ready future. Its get() may wait in libprocess.
template <typename T>
T valueOf(const process::Future<T>& future)
{
  T result = T();
  future.onReady([&result](const T& value) { result = value; });
  return result;
}


mesos::ContainerID containerId(const std::string& id)
{
  mesos::ContainerID result;
  result.set_value(id);
  return result;
}


void addEnvironment(const std::vector<Pair>& environment, mesos::CommandInfo* command)
{
  for (const Pair& pair : environment) {
    mesos::Environment::Variable* variable = command->mutable_environment()->add_variables();
    variable->set_name(pair.first);
    variable->set_value(pair.second);
  }
}


void fillExecutor(const Container& container, mesos::ExecutorInfo* executor)
{
  executor->mutable_executor_id()->set_value("executor-of-" + container.id);
  executor->mutable_framework_id()->set_value("harness");
  executor->mutable_command()->set_value("true");
#if !MESOS_VERSION_AT_LEAST(0, 27, 0)
  addEnvironment(container.taskEnvironment, executor->mutable_command());
#endif
  addEnvironment(container.executorEnvironment, executor->mutable_command());
}


#if MESOS_VERSION_AT_LEAST(0, 27, 0)

void addSecrets(const std::vector<Pair>& secrets, mesos::CommandInfo* command)
{
#if MESOS_VERSION_AT_LEAST(1, 3, 0)
  for (const Pair& pair : secrets) {
    mesos::Environment::Variable* variable = command->mutable_environment()->add_variables();
    variable->set_name(pair.first);
    variable->set_type(mesos::Environment::Variable::SECRET);
    variable->mutable_secret()->set_type(mesos::Secret::REFERENCE);
    variable->mutable_secret()->mutable_reference()->set_name("of-the-harness");
    if (!pair.second.empty()) {
      variable->set_value(pair.second);
    }
  }
#else
  static_cast<void>(secrets);
  static_cast<void>(command);
#endif
}


void fillTask(const Container& container, mesos::TaskInfo* task)
{
  task->set_name("task");
  task->mutable_task_id()->set_value("task-of-" + container.id);
  task->mutable_slave_id()->set_value("agent");
  task->mutable_command()->set_value("true");
  addEnvironment(container.taskEnvironment, task->mutable_command());
  addSecrets(container.taskSecrets, task->mutable_command());
}


void fillConfig(const Container& container, mesos::slave::ContainerConfig* config)
{
  config->set_directory(container.directory);
  config->set_user("nobody");
  if (!container.rootfs.empty()) {
    config->set_rootfs(container.rootfs);
  }
#if !MESOS_VERSION_AT_LEAST(1, 0, 0)
  Container old = container;
  if (!container.oldFields) {
    old.taskEnvironment.clear();
    old.executorEnvironment.clear();
  }
  fillExecutor(old, config->mutable_executorinfo());
  if (old.commandTask) {
    fillTask(old, config->mutable_taskinfo());
  }
#endif
#if MESOS_VERSION_AT_LEAST(0, 28, 0)
  if (container.executor) {
    fillExecutor(container, config->mutable_executor_info());
  }
  if (container.commandTask) {
    fillTask(container, config->mutable_task_info());
  }
#endif
#if MESOS_VERSION_AT_LEAST(1, 1, 0)
  config->mutable_command_info()->set_value("true");
  addEnvironment(container.executorEnvironment, config->mutable_command_info());
#endif
}

#endif


void readInstructions(const Instructions& from, Launch* to)
{
#if MESOS_VERSION_AT_LEAST(1, 2, 0)
  for (int i = 0; i < from.clone_namespaces_size(); ++i) {
    to->namespaces |= from.clone_namespaces(i);
  }
#elif MESOS_VERSION_AT_LEAST(0, 25, 0)
  to->namespaces = static_cast<int>(from.namespaces());
#endif

#if MESOS_VERSION_AT_LEAST(1, 0, 0)
  for (int i = 0; i < from.pre_exec_commands_size(); ++i) {
    to->commands.push_back(from.pre_exec_commands(i).value());
  }
#elif MESOS_VERSION_AT_LEAST(0, 24, 0)
  for (int i = 0; i < from.commands_size(); ++i) {
    to->commands.push_back(from.commands(i).value());
  }
#else
  to->commands.push_back(from.value());
#endif

#if MESOS_VERSION_AT_LEAST(1, 5, 0)
  for (int i = 0; i < from.mounts_size(); ++i) {
    Mount mount;
    mount.source = from.mounts(i).source();
    mount.target = from.mounts(i).target();
    mount.flags = from.mounts(i).flags();
    to->mounts.push_back(mount);
  }
#endif
}


RunState runState(const std::string& id)
{
#if MESOS_VERSION_AT_LEAST(0, 24, 0)
  RunState state;
  state.mutable_container_id()->set_value(id);
  state.set_pid(static_cast<unsigned>(::getpid()));
  state.set_directory("/");
  fillExecutor(Container(id), state.mutable_executor_info());
  return state;
#else
  return RunState(containerId(id), ::getpid(), "/");
#endif
}

} // namespace


struct Subject::State
{
  std::unique_ptr<mesos::slave::Isolator> isolator;

  // How long a call may take, in seconds: less than the case may, so that a future that never
  // comes is reported as what it is.
  double patience;
};


std::string Answer::describe() const
{
  switch (state) {
    case READY:
      return "it succeeded";
    case FAILED:
      return "it failed: " + message;
    case DISCARDED:
      return "its future was discarded";
    case PENDING:
      break;
  }
  return "its future stayed pending";
}


Descriptor readDescriptor(const void* symbol)
{
  const mesos::modules::ModuleBase* base =
    static_cast<const mesos::modules::ModuleBase*>(symbol);
  Descriptor descriptor;
  descriptor.moduleApiVersion = base->moduleApiVersion;
  descriptor.mesosVersion = base->mesosVersion;
  descriptor.kind = base->kind;
  descriptor.authorName = base->authorName;
  descriptor.authorEmail = base->authorEmail;
  descriptor.description = base->description;
  descriptor.compatible = base->compatible;

  // Every kind's Module<> adds one pointer to a function after the common fields.
  void (*create)();
  ::memcpy(&create, static_cast<const char*>(symbol) + sizeof(*base), sizeof(create));
  descriptor.create = create != nullptr;
  return descriptor;
}


void writeDescriptor(void* symbol, const Descriptor& descriptor)
{
  mesos::modules::ModuleBase* base = static_cast<mesos::modules::ModuleBase*>(symbol);
  base->moduleApiVersion = descriptor.moduleApiVersion;
  base->mesosVersion = descriptor.mesosVersion;
  base->kind = descriptor.kind;
  base->authorName = descriptor.authorName;
  base->authorEmail = descriptor.authorEmail;
  base->description = descriptor.description;
  base->compatible = descriptor.compatible;
  if (!descriptor.create) {
    ::memset(static_cast<char*>(symbol) + sizeof(*base), 0, sizeof(void (*)()));
  }
}


MesosRelease mesosRelease()
{
  return {
    MESOS_VERSION,
    MESOS_MODULE_API_VERSION,
    MESOS_BUILDKIT_VERSION_MAJOR,
    MESOS_BUILDKIT_VERSION_MINOR,
    MESOS_BUILDKIT_VERSION_PATCH,
  };
}


Abilities abilities()
{
  Abilities result;
  result.namespacesMethod =
    MESOS_VERSION_AT_LEAST(0, 23, 0) && !MESOS_VERSION_AT_LEAST(0, 25, 0);
  result.tellsRootfs =
    (MESOS_VERSION_AT_LEAST(0, 23, 0) && !MESOS_VERSION_AT_LEAST(0, 24, 0)) ||
    MESOS_VERSION_AT_LEAST(0, 27, 0);
  result.nesting = MESOS_VERSION_AT_LEAST(1, 1, 0);
  result.standalone = MESOS_VERSION_AT_LEAST(1, 5, 0);
  result.status = MESOS_VERSION_AT_LEAST(0, 28, 0);
  result.commandAlone = MESOS_VERSION_AT_LEAST(1, 1, 0);
  result.renamed = MESOS_VERSION_AT_LEAST(0, 28, 0) && !MESOS_VERSION_AT_LEAST(1, 0, 0);
  result.secrets = MESOS_VERSION_AT_LEAST(1, 3, 0);
  return result;
}


namespace {

#ifdef MESOS_BUILDKIT_MODULE_MANAGER

mesos::slave::Isolator* createIsolator(
    const Options& options, const std::vector<Pair>& parameters, std::string* why)
{
  const Manifest manifest =
    {options.work + "/modules.json", options.library, options.symbol, parameters};
  manifest.write();

  ReleaseManager manager;
  manager.forget(manifest.module);
  const std::string message = manager.load(manifest);
  if (!message.empty()) {
    throw std::runtime_error(message);
  }
  std::unique_ptr<mesos::slave::Isolator> isolator;
  *why = manager.create(manifest.module, &isolator);
  return isolator.release();
}

#else

mesos::slave::Isolator* createIsolator(
    const Options& options, const std::vector<Pair>& parameters, std::string* why)
{
  typedef mesos::modules::Module<mesos::slave::Isolator> Module;
  const Module* module =
    static_cast<const Module*>(findDescriptor(openLibrary(options.library), options.symbol));

  mesos::Parameters message;
  for (const Pair& pair : parameters) {
    mesos::Parameter* parameter = message.add_parameter();
    parameter->set_key(pair.first);
    parameter->set_value(pair.second);
  }
  *why = "it returned null";
  return module->create(message);
}

#endif

} // namespace


std::unique_ptr<Subject> Subject::create(
    const Options& options, const std::vector<Pair>& parameters, std::string* why)
{
  std::string unwanted;
  std::unique_ptr<State> state(new State());
  state->isolator.reset(createIsolator(options, parameters, why == nullptr ? &unwanted : why));
  if (state->isolator == nullptr) {
    return std::unique_ptr<Subject>();
  }
  state->patience = options.timeLimit / 2.0;
  return std::unique_ptr<Subject>(new Subject(state.release()));
}


Subject::Subject(State* state) : state_(state) {}


Subject::~Subject() {}


Answer Subject::recover(
    const std::vector<std::string>& running, const std::vector<std::string>& orphans)
{
  RunStates states;
  for (const std::string& id : running) {
    states.push_back(runState(id));
  }
#if MESOS_VERSION_AT_LEAST(0, 23, 0)
  hashset<mesos::ContainerID> unknown;
  for (const std::string& id : orphans) {
    unknown.insert(containerId(id));
  }
  return await(state_->isolator->recover(states, unknown), state_->patience);
#else
  static_cast<void>(orphans);
  return await(state_->isolator->recover(states), state_->patience);
#endif
}


Answer Subject::prepare(const Container& container, Launch* launch)
{
  *launch = Launch();
#if MESOS_VERSION_AT_LEAST(0, 27, 0)
  mesos::slave::ContainerConfig config;
  fillConfig(container, &config);
  const process::Future<Option<Instructions>> future =
    state_->isolator->prepare(containerId(container.id), config);
#else
  mesos::ExecutorInfo executor;
  fillExecutor(container, &executor);
#if MESOS_VERSION_AT_LEAST(0, 23, 0) && !MESOS_VERSION_AT_LEAST(0, 24, 0)
  Option<std::string> rootfs = None();
  if (!container.rootfs.empty()) {
    rootfs = container.rootfs;
  }
  const process::Future<Option<Instructions>> future = state_->isolator->prepare(
      containerId(container.id), executor, container.directory, rootfs, std::string("nobody"));
#else
  const process::Future<Option<Instructions>> future = state_->isolator->prepare(
      containerId(container.id), executor, container.directory, std::string("nobody"));
#endif
#endif

  const Answer answer = await(future, state_->patience);
  if (answer.ready()) {
    const Option<Instructions> value = valueOf(future);
    if (value.isSome()) {
      launch->given = true;
      readInstructions(value.get(), launch);
    }
  }
  return answer;
}


Answer Subject::isolate(const std::string& id)
{
  return await(state_->isolator->isolate(containerId(id), ::getpid()), state_->patience);
}


Answer Subject::watch(const std::string& id)
{
  return await(state_->isolator->watch(containerId(id)), MOMENT);
}


Answer Subject::update(const std::string& id)
{
  return await(state_->isolator->update(containerId(id), mesos::Resources()), state_->patience);
}


Answer Subject::usage(const std::string& id)
{
  return await(state_->isolator->usage(containerId(id)), state_->patience);
}


Answer Subject::cleanup(const std::string& id)
{
  return await(state_->isolator->cleanup(containerId(id)), state_->patience);
}


Answer Subject::namespaces(int* flags)
{
  *flags = 0;
#if MESOS_VERSION_AT_LEAST(0, 23, 0) && !MESOS_VERSION_AT_LEAST(0, 25, 0)
  const process::Future<Option<int>> future = state_->isolator->namespaces();
  const Answer answer = await(future, state_->patience);
  if (answer.ready()) {
    const Option<int> value = valueOf(future);
    *flags = value.isSome() ? value.get() : 0;
  }
  return answer;
#else
  Answer answer;
  answer.state = Answer::DISCARDED;
  return answer;
#endif
}


Answer Subject::status(const std::string& id)
{
#if MESOS_VERSION_AT_LEAST(0, 28, 0)
  return await(state_->isolator->status(containerId(id)), state_->patience);
#else
  static_cast<void>(id);
  Answer answer;
  answer.state = Answer::DISCARDED;
  return answer;
#endif
}


bool Subject::supportsNesting()
{
#if MESOS_VERSION_AT_LEAST(1, 1, 0)
  return state_->isolator->supportsNesting();
#else
  return false;
#endif
}


bool Subject::supportsStandalone()
{
#if MESOS_VERSION_AT_LEAST(1, 5, 0)
  return state_->isolator->supportsStandalone();
#else
  return false;
#endif
}

} // namespace harness
