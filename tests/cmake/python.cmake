# SPDX-License-Identifier: BSD-3-Clause
# The Python package, installed by pip in a virtual environment (label "python"): here, or with
# sanitizers. It takes its build tools, NumPy and pytest from PyPI.
if(RAVEL_SANITIZE AND NOT RAVEL_SANITIZE MATCHES "address")
  return()
endif()
add_test(NAME python COMMAND tests/python.sh ${PROJECT_BINARY_DIR}/python-test
    $<TARGET_FILE:ravel_command> ${RAVEL_SANITIZE}
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties(python PROPERTIES SKIP_RETURN_CODE 77 LABELS python)

# samples/tokens.sbatch, where Slurm is installed (apt install slurmctld slurmd slurm-client).
if(NOT RAVEL_SANITIZE)
  add_test(NAME slurm COMMAND tests/slurm.sh $<TARGET_FILE:ravel_command>
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(slurm PROPERTIES SKIP_RETURN_CODE 77)
endif()
