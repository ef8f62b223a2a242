# A template for Packer 1.7 and later (edxapp.json is the form for 1.6). cutover runs it for
# [role.ROLE.image.packer].
# `packer init edxapp.pkr.hcl` installs the plugins; from 1.10 on Packer has none of its own.

packer {
  required_plugins {
    amazon = {
      version = ">= 1.2.8"
      source  = "github.com/hashicorp/amazon"
    }
    ansible = {
      version = ">= 1.1.0"
      source  = "github.com/hashicorp/ansible"
    }
  }
}

# cutover gives these. Those that a template does not declare are not given; the first four must be declared. The tag
# cutover-build-token is how the image, and what a crash leaves behind, are found again.

variable "cutover_build" {
  type = string
}

variable "image_name" {
  type = string
}

variable "base_image" {
  type = string
}

variable "commit" {
  type = string
}

variable "region" {
  type = string
}

variable "release" {
  type = string
}

variable "version" {
  type = string
}

variable "repository" {
  type = string
}

variable "branch" {
  type = string
}

# The file of the manifest, of this build alone: other images may be built at the same time.
variable "manifest" {
  type = string
}

# The tags that the image gets.
variable "tags" {
  type    = map(string)
  default = {}
}

# The team's own: the deployment file may give others.

variable "instance_type" {
  type    = string
  default = "m5.large"
}

variable "playbook" {
  type    = string
  default = "edxapp.yml"
}

# The instance and its volumes have run_tags from their launch on. Never set force_deregister: it removes an image in use.
source "amazon-ebs" "edxapp" {
  region        = var.region
  source_ami    = var.base_image
  instance_type = var.instance_type
  ssh_username  = "ubuntu"
  ssh_timeout   = "10m"

  aws_polling {
    delay_seconds = 15
    max_attempts  = 240
  }

  ami_name        = var.image_name
  ami_description = "${var.repository} ${var.branch} ${var.commit}"
  tags = merge(var.tags, {
    cutover-build-token = var.cutover_build
  })
  run_tags = merge(var.tags, {
    Name                = "builder of ${var.image_name}"
    cutover-build       = var.image_name
    cutover-build-token = var.cutover_build
  })
  run_volume_tags = {
    cutover-build-token = var.cutover_build
  }
}

build {
  sources = ["source.amazon-ebs.edxapp"]

  provisioner "shell" {
    inline = ["cloud-init status --wait"]
  }

  provisioner "ansible" {
    playbook_file   = var.playbook
    extra_arguments = [
      "--extra-vars",
      "edx_platform_repo=${var.repository} edx_platform_version=${var.commit} release=${var.release}",
    ]
  }

  # What each host must have of its own: it is made when a host is first booted.
  provisioner "shell" {
    inline = [
      "sudo rm -f /etc/ssh/ssh_host_*_key*",
      "sudo truncate --size 0 /etc/machine-id",
      "sudo cloud-init clean --logs",
      "rm -f ~/.ssh/authorized_keys",
    ]
  }

  post-processor "manifest" {
    output     = var.manifest
    strip_path = true
  }
}
