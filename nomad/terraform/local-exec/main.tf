# Submits the jobs of this project with the program `nomad`, where the provider of Nomad cannot be had: nothing is fetched.
# The address and the token of Nomad come from the environment: NOMAD_ADDR, NOMAD_TOKEN.
# What somebody changes in Nomad by other means is not seen: the provider sees that.

terraform {
  required_version = ">= 1.5"
}

variable "jobs" {
  description = "Job files to run, by the name of the job: the file, values of its variables (those that are no text as JSON), and files whose change makes a new version."
  type = map(object({
    file      = string
    variables = optional(map(string), {})
    watched   = optional(list(string), [])
  }))
}

variable "nomad" {
  description = "The program `nomad`."
  type        = string
  default     = "nomad"
}

# Two resources for each job. With one, whose replacement stops the job, each update would be a stop and a start.
resource "terraform_data" "presence" {
  for_each = var.jobs
  input    = { name = each.key, nomad = var.nomad }

  provisioner "local-exec" {
    when    = destroy
    command = "\"$NOMAD\" job stop -purge \"$JOB\""
    environment = {
      NOMAD = self.input.nomad
      JOB   = self.input.name
    }
  }
}

resource "terraform_data" "version" {
  for_each   = var.jobs
  depends_on = [terraform_data.presence]
  triggers_replace = [
    filesha256(each.value.file),
    each.value.variables,
    [for file in each.value.watched : filesha256(file)],
  ]

  provisioner "local-exec" {
    # It ends with 0 only when the new version has proven itself.
    command = "\"$NOMAD\" job run \"$FILE\""
    # There the paths of a job start.
    working_dir = dirname(each.value.file)
    environment = merge(
      { for name, value in each.value.variables : "NOMAD_VAR_${name}" => value },
      { NOMAD = var.nomad, FILE = abspath(each.value.file) },
    )
  }
}

output "jobs" {
  description = "Each job, and what names its version here."
  value       = { for name, version in terraform_data.version : name => version.id }
}
