// The whole program but subject.cpp, as one translation unit: the standard library's headers, most
// of the work for parts this small, are read once. It sees no Mesos, so it serves every release;
// subject.cpp is compiled for each.

#include "text.cpp"
#include "options.cpp"
#include "report.cpp"
#include "child.cpp"
#include "processes.cpp"
#include "library.cpp"
#include "loader.cpp"
#include "module_manager_model.cpp"
#include "load_cases.cpp"
#include "stand_in.cpp"
#include "lifecycle_cases.cpp"
#include "volume_bench.cpp"
#include "volume_mount_cases.cpp"
#include "volume_recovery_cases.cpp"
#include "programs.cpp"
#include "agent.cpp"
#include "main.cpp"
