from django.db import models


class Upload(models.Model):
    name = models.CharField(max_length=100)
