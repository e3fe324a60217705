# Submits the jobs of this project with the provider of Nomad, which reads them as `nomad job run` does.
# The address and the token of Nomad are the provider's own settings: NOMAD_ADDR, NOMAD_TOKEN.

terraform {
  required_version = ">= 1.5"
  required_providers {
    nomad = {
      source  = "hashicorp/nomad"
      version = "~> 2.4"
    }
  }
}

variable "jobs" {
  description = "Job files to run, by the name of the job: the file, and values of its variables, those that are no text as JSON."
  type = map(object({
    file      = string
    variables = optional(map(string), {})
  }))
}

resource "nomad_job" "job" {
  for_each = var.jobs
  jobspec  = file(each.value.file)

  # The run ends only when the new version has proven itself, or the old one is back.
  detach = false

  hcl2 {
    # The jobs read the files of their feeds. Relative paths are meant from the job's own folder, which the provider does not know.
    allow_fs = true
    vars = merge(
      { feeds = abspath("${dirname(each.value.file)}/${lookup(each.value.variables, "feeds", ".")}") },
      { for name, value in each.value.variables : name => value if !contains(["feeds", "connections"], name) },
      { for name, value in each.value.variables : name => abspath("${dirname(each.value.file)}/${value}") if name == "connections" },
    )
  }
}

output "jobs" {
  description = "Each job and its version in Nomad."
  value       = { for name, job in nomad_job.job : name => job.modify_index }
}
