# The feed sec-ftd: one process with its log in its data folder.
#
#   sec-ftd/load lands in regsho.fails_to_deliver
#
# Printed by
#
#   spotlight nomad-job ../topologies/sec-ftd.yaml
#
# Its secrets are items of a variable of Nomad, by default nomad/jobs/sec-ftd: listen_token.
# Each variable is given as `-var NAME=VALUE`, or as NOMAD_VAR_NAME in the environment, such as from a .env file.

variable "feeds" {
  type        = string
  default     = ".."
  description = "Folder of the files below, from where `nomad` runs."
}

variable "files" {
  type        = list(string)
  description = "What the job is made of, by path from there. The text becomes part of the job: a revert brings it back."
  default = [
    "topologies/sec-ftd.yaml",
    "schemas/tables/regsho.fails_to_deliver.yaml",
  ]
}

variable "program" {
  type        = string
  default     = "/usr/local/bin/spotlight"
  description = "Where the program is on the nodes."
}

variable "driver" {
  type        = string
  default     = "raw_exec"
  description = "Driver that takes `command` and `args`: raw_exec or exec."
}

variable "contact" {
  type        = string
  description = "Mail address of whom to ask: a publisher of these feeds refuses clients that name nobody."
}

variable "arguments" {
  type        = list(string)
  default     = []
  description = "More words behind `spotlight run`."
}

variable "secrets" {
  type        = string
  default     = "nomad/jobs/sec-ftd"
  description = "Nomad variable that holds the secrets, each under its name."
}

variable "listen_token" {
  type        = bool
  default     = true
  description = "Whether who asks for metrics must show the token `listen_token` of that variable. Needed off the loopback address."
}

variable "datacenters" {
  type        = list(string)
  default     = ["*"]
  description = "Where it may run."
}

variable "node" {
  type        = string
  default     = ""
  description = "Name of the only node on which it may run. Without one any."
}

variable "data" {
  type        = string
  default     = ""
  description = "Data folder that stays on that node. Without one it lies on the job's ephemeral disk."
}

variable "min_healthy_time" {
  type        = string
  default     = "10s"
  description = "For so long a new version must be ready before it counts."
}

variable "healthy_deadline" {
  type        = string
  default     = "5m"
  description = "A new version that is not ready by then has failed, and the old one comes back. It reads back its state meanwhile."
}

variable "cpu" {
  type        = number
  default     = 500
  description = "MHz that it is sure of."
}

variable "memory" {
  type        = number
  default     = 1280
  description = "MiB that it may have. Where the numbers come from stands in nomad/README.md."
}

variable "disk" {
  type        = number
  default     = 4096
  description = "MiB for what it keeps between restarts."
}

locals {
  topologies = [
    "topologies/sec-ftd.yaml",
  ]
}

job "sec-ftd" {
  type        = "service"
  datacenters = var.datacenters

  update {
    max_parallel     = 1
    health_check     = "checks"
    min_healthy_time = var.min_healthy_time
    healthy_deadline = var.healthy_deadline

    # The first one that is not healthy ends the update.
    progress_deadline = "0s"
    auto_revert       = true

    # Two cannot have one data folder: the old one ends before the new one begins.
    canary = 0
  }

  # Another place is tried for ever, ever more slowly.
  reschedule {
    unlimited      = true
    delay          = "30s"
    delay_function = "exponential"
    max_delay      = "10m"
  }

  group "spotlight" {
    # The log is in the data folder, which one process owns.
    count = 1

    dynamic "constraint" {
      for_each = var.node != "" ? [var.node] : []

      content {
        attribute = "${node.unique.name}"
        value     = constraint.value
      }
    }

    # Status 75 of the program means: start me again.
    restart {
      attempts = 5
      interval = "10m"
      delay    = "5s"
      mode     = "fail"
    }

    # The next allocation gets the data folder, also from another node.
    ephemeral_disk {
      sticky  = true
      migrate = true
      size    = var.disk
    }

    network {
      port "http" {}
    }

    task "run" {
      driver = var.driver

      # It ends in order within 25 s.
      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      config {
        command = var.program
        args = concat(
          ["run"],
          [for topology in local.topologies : "${NOMAD_TASK_DIR}/feeds/${topology}"],
          ["--data", var.data != "" ? var.data : "${NOMAD_ALLOC_DIR}/data/spotlight"],
          ["--listen", "${NOMAD_ADDR_http}"],
          var.listen_token ? ["--listen-token", "${NOMAD_SECRETS_DIR}/listen-token"] : [],
          ["--contact", var.contact],
          var.arguments,
        )
      }

      resources {
        cpu    = var.cpu
        memory = var.memory
      }

      # Prometheus finds it by the tag.
      service {
        provider    = "nomad"
        name        = "sec-ftd"
        port        = "http"
        tags        = ["spotlight", "prometheus"]
        canary_tags = ["spotlight", "prometheus", "canary"]

        # A process that does not turn is started again.
        check {
          name     = "live"
          type     = "http"
          path     = "/live"
          interval = "10s"
          timeout  = "5s"

          check_restart {
            limit = 3
            grace = "60s"
          }
        }

        # A new version must be ready. Services that are away do not change this, so nothing is started again for them.
        check {
          name     = "ready"
          type     = "http"
          path     = "/ready"
          interval = "5s"
          timeout  = "5s"
        }
      }

      # No file of a feed holds these brackets.
      dynamic "template" {
        for_each = var.files

        content {
          data            = file("${var.feeds}/${template.value}")
          destination     = "local/feeds/${template.value}"
          left_delimiter  = "[[~"
          right_delimiter = "~]]"
          change_mode     = "noop"
        }
      }

      dynamic "template" {
        for_each = var.listen_token ? ["listen_token"] : []

        content {
          data                 = "{{ with nomadVar \"${var.secrets}\" }}{{ .listen_token }}{{ end }}"
          destination          = "secrets/listen-token"
          perms                = "0400"
          error_on_missing_key = true
        }
      }
    }
  }
}
