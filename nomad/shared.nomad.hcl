# The feed sec-ftd: processes that share the partitions of topics of Kafka.
#
#   sec-ftd/load lands in regsho.fails_to_deliver
#
# Printed by
#
#   spotlight nomad-job ../topologies/sec-ftd.yaml --connections connections.yaml --count 3
#
# Its secrets are items of a variable of Nomad, by default nomad/jobs/sec-ftd: listen_token, clickhouse_password, kafka_password, registry_password.
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

variable "connections" {
  type        = string
  default     = "connections.yaml"
  description = "File that says where the services are, from where `nomad` runs."
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

variable "count" {
  type        = number
  default     = 3
  description = "Processes that share the partitions. More than there are partitions stand by."
}

variable "canaries" {
  type        = number
  default     = 1
  description = "Processes of a new version that prove themselves beside the old ones. 0 replaces one after the other."
}

variable "auto_promote" {
  type        = bool
  default     = true
  description = "Whether a new version takes over by itself once its canaries are healthy."
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
  default     = 768
  description = "MiB that it may have. Where the numbers come from stands in nomad/README.md."
}

variable "disk" {
  type        = number
  default     = 1024
  description = "MiB for what it keeps between restarts."
}

locals {
  topologies = [
    "topologies/sec-ftd.yaml",
  ]
  # File below the folder of secrets, and its name in the variable.
  stored = {
    "clickhouse/password" = "clickhouse_password"
    "kafka/password"      = "kafka_password"
    "registry/password"   = "registry_password"
  }
  # Names a version of the job, all but how many there are of it. See `--instance`.
  version = substr(sha256(jsonencode([
    [for file in var.files : file("${var.feeds}/${file}")],
    file(var.connections),
    [var.program, var.driver, var.arguments, var.secrets, var.listen_token],
    [var.cpu, var.memory, var.disk],
  ])), 0, 8)
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

    canary       = var.canaries
    auto_promote = var.canaries > 0 && var.auto_promote
  }

  # Another place is tried for ever, ever more slowly.
  reschedule {
    unlimited      = true
    delay          = "30s"
    delay_function = "exponential"
    max_delay      = "10m"
  }

  group "spotlight" {
    count = var.count

    spread {
      attribute = "${node.unique.id}"
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
          ["--data", "${NOMAD_ALLOC_DIR}/data/spotlight"],
          ["--listen", "${NOMAD_ADDR_http}"],
          var.listen_token ? ["--listen-token", "${NOMAD_SECRETS_DIR}/listen-token"] : [],
          ["--contact", var.contact],
          ["--connections", "${NOMAD_TASK_DIR}/connections.yaml", "--secrets", "${NOMAD_SECRETS_DIR}"],
          # Of two processes of one name the later one takes over: what comes to a place after another one there did.
          # Another version has another name, so that a canary shares the work of those that it is to replace.
          ["--instance", "sec-ftd-${local.version}-${NOMAD_ALLOC_INDEX}"],
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

      template {
        data            = file(var.connections)
        destination     = "local/connections.yaml"
        left_delimiter  = "[[~"
        right_delimiter = "~]]"
        change_mode     = "noop"
      }

      dynamic "template" {
        for_each = local.stored

        content {
          data                 = "{{ with nomadVar \"${var.secrets}\" }}{{ .${template.value} }}{{ end }}"
          destination          = "secrets/${template.key}"
          perms                = "0400"
          error_on_missing_key = true
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
